"""The command `labelbox-local labeler`: plays the people who label and review in a server that runs."""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_ACTIONS = {
    "label": "submit labels for rows that wait: from a file, from pre-labels, or at random",
    "skip": "skip rows that wait for a label",
    "approve": "approve rows in review",
    "reject": "reject rows in review",
    "move": "move rows to another task queue",
}


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="labelbox-local labeler", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    for name, says in _ACTIONS.items():
        action = actions.add_parser(name, help=says, description=says)
        action.add_argument("--url", default="http://127.0.0.1:8090", help="address of the server (%(default)s)")
        action.add_argument("--api-key", default="any", help="its API key, when it was started with one")
        action.add_argument("--project", required=True, help="id of the project")
        action.add_argument("--batch", help="id or name of a batch")
        action.add_argument(
            "--row", dest="rows", action="append", help="global key or id of a data row; may be repeated"
        )
        action.add_argument("--limit", type=int, help="most rows")
        action.add_argument("--user", help="e-mail address of who does it; joins the organization when new")
        action.add_argument("--seconds", type=float, default=10.0, help="time each row takes (%(default)s)")
        if name == "label":
            source = action.add_mutually_exclusive_group()
            source.add_argument("--file", type=Path, help="annotations, one JSON object a line, as imports take them")
            source.add_argument("--predictions", action="store_true", help="submit the pre-labels as they are")
            action.add_argument("--seed", type=int, default=0, help="of random labels (%(default)s)")
            action.add_argument("--objects", type=int, default=3, help="most objects of each tool (%(default)s)")
        if name in {"approve", "reject"}:
            action.add_argument("--score", type=float, help="score of the review")
        if name == "move":
            action.add_argument("--queue", required=True, help="labeling, review, rework, done, or a queue's name")
    return parser.parse_args(arguments)


def _body(chosen: argparse.Namespace) -> dict[str, Any]:
    """Raises: OSError: the file can not be read."""
    body = {key: value for key, value in vars(chosen).items() if value is not None}
    for key in ("url", "api_key", "file", "predictions"):
        body.pop(key, None)
    if getattr(chosen, "predictions", False):
        body["source"] = "predictions"
    if getattr(chosen, "file", None):
        body |= {"source": "ndjson", "ndjson": chosen.file.read_text()}
    return body


def main(arguments: Sequence[str]) -> int:
    """0 when all went well, 1 when lines of a file were wrong, 2 when nothing could be done."""
    chosen = _arguments(arguments)
    try:
        request = urllib.request.Request(  # noqa: S310 - the user's own address
            f"{chosen.url.rstrip('/')}/admin/labeler",
            json.dumps(_body(chosen)).encode(),
            {"Authorization": f"Bearer {chosen.api_key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            outcome = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        print(f"labelbox-local labeler: {json.loads(error.read())['message']}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"labelbox-local labeler: {error}", file=sys.stderr)
        return 2
    print(f"{outcome['action']}: {outcome['rows']} rows")
    for wrong in outcome["errors"]:
        print(json.dumps(wrong), file=sys.stderr)
    return 1 if outcome["errors"] else 0
