"""Lines of an import made into labels, row by row; which rows an import may speak of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labelbox_local.annotations import AnnotationError
from labelbox_local.import_lines import Found, Lines
from labelbox_local.label_content import Content, join_relationships
from labelbox_local.labels import NewLabel
from labelbox_local.store import as_list

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

# Position, data row, uuid, part, contents and benchmark flag (Lines.good).
Line = tuple[int, int, str, str, bytes, int]
Rows = dict[tuple[str, str], Found]


def make_label(lines: Lines, data_row: int, group: list[Line], media_type: str, label_id: str) -> NewLabel | None:
    """What the lines of one row say together; None when all of them are wrong, as `lines` know then."""
    # The tokens of entities come from the text of the row.
    content = Content(plain=media_type != "TEXT")
    joined: dict[int, bytes] = {}
    wrong: dict[int, AnnotationError] = {}
    if any(line[3] == "relationships" for line in group):
        joined, wrong = join_relationships([(line[0], line[2], line[3], line[4]) for line in group])
    for position, _, _, part, contents, _ in group:
        if position in wrong:
            lines.fail(position, wrong[position])
            continue
        masks = lines.masks(position) if b"SegmentationMask" in contents else []
        if masks:
            content.add_masks(part, contents, masks)
        else:
            content.add(part, joined.get(position, contents))
    if not content.parts:
        return None
    benchmark = any(line[5] for line in group)
    return NewLabel(data_row, content.text(), content.plain, content.masks, benchmark, id=label_id)


def find_rows_of_project(platform: Platform, project: str, ids: list[str], keys: list[str]) -> Rows:
    """Data rows by id and by global key, and whether they are in a batch of the project."""
    found = _find_rows(platform, ("project_row", "project", project), ids, keys)
    if platform.switches.row_outside_project == "accept":
        found = {key: row._replace(inside=True) for key, row in found.items()}
    return found


def find_rows_of_run(platform: Platform, run: str, ids: list[str], keys: list[str]) -> Rows:
    """Data rows by id and by global key, and whether they are in the model run."""
    return _find_rows(platform, ("model_run_row", "model_run", run), ids, keys)


def _find_rows(platform: Platform, within: tuple[str, str, str], ids: list[str], keys: list[str]) -> Rows:
    table, column, parent = within
    found: Rows = {}
    for name, field, values in (("id", "id", ids), ("globalKey", "global_key", keys)):
        if not values:
            continue
        sql = (
            "SELECT data_row.seq, data_row.id, global_key, media_attributes,"  # noqa: S608 - constants only
            f" {table}.data_row IS NOT NULL AS inside FROM data_row"
            f" LEFT JOIN {table} ON {table}.data_row = data_row.seq AND {table}.{column} = ?"
            f" WHERE data_row.{field} IN (SELECT value FROM json_each(?))"
        )
        for row in platform.store.rows(sql, parent, as_list(dict.fromkeys(values))):
            found[name, row[field]] = Found(row["seq"], row["id"], bool(row["inside"]), row["media_attributes"])
    return found
