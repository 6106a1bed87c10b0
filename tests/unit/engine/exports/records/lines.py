"""Lines of exports for tests, as docs.labelbox.com/reference/export-quick-reference shows them."""

from typing import Any

import orjson

BOX = {"top": 2.0, "left": 1.5, "height": 4.0, "width": 3.0}
CORNERS = [{"x": 0, "y": 0}, {"x": 4.5, "y": 0}, {"x": 0, "y": 3}]
DETAILS = {
    "created_at": "2024-04-08T16:21:26.000+00:00",
    "updated_at": "2024-04-08T16:34:02.000+00:00",
    "created_by": "me@example.com",
    "content_last_updated_at": "2024-04-08T16:34:00.513+00:00",
    "reviews": [{"reviewed_at": "2024-04-09T00:00:00.000+00:00", "reviewed_by": "you@example.com", "score": 1}],
}
PERFORMANCE = {"seconds_to_create": 600, "seconds_to_review": 0.5, "skipped": False, "consensus_score": 0.25}


def line(content: Any) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)


def thing(name: str, **content: Any) -> dict[str, Any]:
    """An object or a question called ``name``, with ids made of that."""
    return {"feature_id": f"id of {name}", "feature_schema_id": f"schema of {name}", "name": name, **content}


def label(label_id: str = "l1", /, **annotations: Any) -> dict[str, Any]:
    return {
        "label_kind": "Default",
        "version": "1.0.0",
        "id": label_id,
        "label_details": DETAILS,
        "performance_details": PERFORMANCE,
        "annotations": annotations,
    }


def labeled(*labels: Any, data_row: str = "d1", project: str = "p1", **content: Any) -> bytes:
    """A line with the labels of a data row in one project."""
    details = {"workflow_status": "DONE", "task_name": "Done", "batch_id": "b", "batch_name": "B"}
    block = {"name": "One", "labels": labels, "project_details": details | {"selected_label_id": "l1"}}
    named = {"id": data_row, "global_key": f"key of {data_row}", "external_id": "x", "row_data": "https://a/b.jpg"}
    return line({"data_row": named, "projects": {project: block}, **content})
