"""The graph of a workflow: which nodes are task queues, what makes it valid, and where a row goes from a queue.

The shape of a config is that of the SDK (schema/workflow/workflow_utils.py, `prepare_config_for_api`), the rules are
those of its validator and of docs.labelbox.com/reference/workflow.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

from labelbox_local.errors import MalformedRequestError
from labelbox_local.workflow import LABELING, REVIEW, REWORK

Config = dict[str, Any]

INITIAL_LABELING = "initial_labeling_task"
INITIAL_REWORK = "initial_rework_task"
_REVIEW, _CUSTOM_REWORK = "review_task", "custom_rework_task"
_SEND_TO_REWORK, _DONE = "send_to_rework", "done"
_INITIAL = (INITIAL_LABELING, INITIAL_REWORK)
# Nodes that are task queues, in the order in which queues are listed.
_QUEUE_TYPES = {INITIAL_LABELING: LABELING, _REVIEW: REVIEW, INITIAL_REWORK: REWORK, _CUSTOM_REWORK: REWORK}
_ENDS = frozenset((_DONE, _SEND_TO_REWORK, _CUSTOM_REWORK))
_KINDS = _QUEUE_TYPES.keys() | _ENDS | {"logic", "auto_qa"}
_NO, _YES = "else", "if"
_HANDLES = frozenset((_YES, _NO))
_LABEL_CHARACTERS = 50
_NAMES = {_REVIEW: "Review task", _CUSTOM_REWORK: "Custom rework"}
_NAMESPACE = uuid.UUID("6f0b3a52-5c0e-4b7e-9a51-6f7c5b0f3f0d")


def default_config(project: str, queues: list[dict[str, Any]]) -> Config:
    """The workflow every project is born with, made of its queues: label, review, then done or rework.

    :param queues: rows of task_queue; the nodes have their ids
    """
    of_type = {queue["type"]: queue for queue in queues}
    kinds = {LABELING: INITIAL_LABELING, REWORK: INITIAL_REWORK, REVIEW: _REVIEW}
    nodes = [
        _node(str(of_type[kind]["id"]), definition, of_type[kind]["name"], place)
        for place, (kind, definition) in enumerate(kinds.items())
    ]
    for place, (kind, label) in enumerate(((_SEND_TO_REWORK, "Rework"), (_DONE, "Done")), start=len(nodes)):
        nodes.append(_node(str(uuid.uuid5(_NAMESPACE, f"{project}/{kind}")), kind, label, place))
    labeling, rework, review, again, done = (node["id"] for node in nodes)
    edges = [(labeling, _YES, review), (rework, _YES, review), (review, _NO, again), (review, _YES, done)]
    return {"nodes": nodes, "edges": [_edge(*edge) for edge in edges]}


def _node(node_id: str, kind: str, label: str, place: int) -> dict[str, Any]:
    column, line = ((0, 0), (0, 1), (1, 0), (2, 0), (2, 1))[place]
    position = {"x": 100 + 400 * column, "y": 150 + 250 * line}
    return {"id": node_id, "position": position, "definitionId": kind, "label": label}


def _edge(source: str, handle: str, target: str) -> dict[str, str]:
    name = f"xy-edge__{source}{handle}-{target}in"
    return {"id": name, "source": source, "target": target, "sourceHandle": handle, "targetHandle": "in"}


class WorkflowGraph:
    """A workflow that is known to be valid."""

    def __init__(self, config: Config) -> None:
        """Raises:
        MalformedRequestError: the config is not valid; the message says all that is wrong.
        """
        nodes, edges = _lists(config)
        self.nodes: dict[str, dict[str, Any]] = {node["id"]: node for node in nodes}
        self.outputs: dict[tuple[str, str], str] = {(edge["source"], _handle(edge)): edge["target"] for edge in edges}
        wrong = list(_problems(nodes, edges))
        if wrong:
            raise MalformedRequestError(f"The workflow is not valid: {'; '.join(wrong)}")
        self.sources: dict[str, str] = {edge["target"]: edge["source"] for edge in edges}

    def initial(self, kind: str) -> str:
        """The id of the one node of INITIAL_LABELING or INITIAL_REWORK."""
        return next(node_id for node_id, node in self.nodes.items() if node["definitionId"] == kind)

    def queues(self) -> list[tuple[str, str, str, str]]:
        """Id, type, name and description of the task queues, in the order in which they are listed."""
        return [
            (node["id"], _QUEUE_TYPES[kind], node.get("label") or _NAMES.get(kind, kind), _instructions(node))
            for kind in _QUEUE_TYPES
            for node in self.nodes.values()
            if node["definitionId"] == kind
        ]

    def next_queue(self, queue: str, *, rejected: bool = False) -> str | None:
        """The queue a row goes to from a queue, None when it is done then.

        Logic and AutoQA are passed by their first output: their filters are kept, but not evaluated.
        """
        target = self.outputs.get((queue, _NO if rejected else _YES))
        if target is None:
            return self._from_open_end(queue, rejected)
        kind = self.nodes[target]["definitionId"]
        if kind == _SEND_TO_REWORK:
            return self.initial(INITIAL_REWORK)
        if kind in _QUEUE_TYPES:
            return target
        return None if kind == _DONE else self._pass(target)

    def _pass(self, node: str) -> str | None:
        return self.next_queue(node, rejected=(node, _YES) not in self.outputs)

    def _from_open_end(self, queue: str, rejected: bool) -> str | None:
        """Reworked where nothing follows, a row goes back to what sent it there; rejected, it is reworked."""
        if rejected:
            return self.initial(INITIAL_REWORK)
        if self.nodes[queue]["definitionId"] != _CUSTOM_REWORK:
            return None
        source = self.sources[queue]
        while self.nodes[source]["definitionId"] not in _QUEUE_TYPES:
            source = self.sources[source]
        return source


def _lists(config: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Nodes and edges. Raises: MalformedRequestError, when they are not of the form the SDK sends."""
    nodes, edges = (config.get(name) if isinstance(config, dict) else None for name in ("nodes", "edges"))
    for name, entries, keys in (("nodes", nodes, ("id", "definitionId")), ("edges", edges, ("source", "target"))):
        if not isinstance(entries, list):
            raise MalformedRequestError(f"The workflow is not valid: it has no list of {name}")
        for entry in entries:
            if not isinstance(entry, dict) or not all(entry.get(key) and isinstance(entry[key], str) for key in keys):
                raise MalformedRequestError(f"The workflow is not valid: each of its {name} needs {' and '.join(keys)}")
    return nodes or [], edges or []


def _handle(edge: dict[str, Any]) -> str:
    """The output an edge leaves from; `out` is the only output of a node with one."""
    handle = edge.get("sourceHandle") or _YES
    return _YES if handle == "out" else str(handle)


def _instructions(node: dict[str, Any]) -> str:
    return str((node.get("customFields") or {}).get("description") or "")


def _problems(nodes: list[dict[str, Any]], edges: list[dict[str, Any]]) -> Iterator[str]:
    """What is wrong with a workflow."""
    for node in nodes:
        yield from _problems_of_node(node)
    kinds = {node["id"]: node["definitionId"] for node in nodes}
    if len(kinds) < len(nodes):
        yield "two nodes have the same id"
    for kind in _INITIAL:
        count = sum(node["definitionId"] == kind for node in nodes)
        if count != 1:
            yield f"it must have exactly one {kind}, but has {count}"
    strays = [edge for edge in edges if edge["source"] not in kinds or edge["target"] not in kinds]
    for edge in strays:
        yield f"an edge leads from {edge['source']} to {edge['target']}, which are not both nodes"
    if not strays:
        yield from _problems_of_edges(kinds, edges)


def _problems_of_node(node: dict[str, Any]) -> Iterator[str]:
    if node["definitionId"] not in _KINDS:
        yield f"node {node['id']} is of an unknown kind '{node['definitionId']}'"
    label = node.get("label")
    if label is not None and (not isinstance(label, str) or len(label) > _LABEL_CHARACTERS):
        yield f"the label of node {node['id']} must be a text of at most {_LABEL_CHARACTERS} characters"
    fields = Counter(each.get("field") for each in node.get("filters") or [] if isinstance(each, dict))
    for field, count in fields.items():
        if count > 1:
            yield f"node {node['id']} has {count} filters of the kind {field}; one is allowed"


def _problems_of_edges(kinds: dict[str, str], edges: list[dict[str, Any]]) -> Iterator[str]:
    leaving = Counter((edge["source"], _handle(edge)) for edge in edges)
    for (source, handle), count in leaving.items():
        if handle not in _HANDLES:
            yield f"{kinds[source]} {source} has no output '{handle}'"
        if count > 1:
            yield f"output '{handle}' of {kinds[source]} {source} leads to {count} nodes; one is allowed"
    inputs: dict[str, set[str]] = {}
    for edge in edges:
        inputs.setdefault(edge["target"], set()).add(edge["source"])
    sources = {edge["source"] for edge in edges}
    reached = _reached(kinds, edges)
    for node, kind in kinds.items():
        before = inputs.get(node, set())
        if kind in _INITIAL and before:
            yield f"{kind} {node} cannot have incoming connections"
        if kind not in _INITIAL and node not in reached:
            yield f"{kind} {node} has no incoming connections"
        if len(before) > 1 and not all(kinds[source] in _INITIAL for source in before):
            yield f"{kind} {node} has {len(before)} incoming connections; one is allowed"
        if kind not in _ENDS and node not in sources:
            yield f"{kind} {node} has no outgoing connections"


def _reached(kinds: dict[str, str], edges: list[dict[str, Any]]) -> set[str]:
    """The nodes that a row can come to from an initial one."""
    waiting = [node for node, kind in kinds.items() if kind in _INITIAL]
    reached: set[str] = set(waiting)
    while waiting:
        source = waiting.pop()
        targets = {edge["target"] for edge in edges if edge["source"] == source} - reached
        reached |= targets
        waiting += targets
    return reached
