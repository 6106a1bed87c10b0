"""Tables of the former connectors: one column a class, cells with several annotations, as text and typed."""

import base64
import io
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelbox_airflow.engine.annotations.model import (
    Annotation,
    BoundingBox,
    Checklist,
    Choice,
    Classification,
    DataRow,
    DocumentEntity,
    Feature,
    FreeText,
    Line,
    MaskImage,
    MaskRuns,
    MaskUri,
    Page,
    Point,
    Polygon,
    Radio,
    TextEntity,
    TokenGroup,
)
from labelbox_airflow.engine.annotations.problems import RejectedAnnotation
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.annotations.readers.wide import WideReader
from labelbox_airflow.engine.annotations.readers.wide_spec import WideSpec
from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.ontology import tree
from labelbox_airflow.engine.records import Batch
from labelbox_airflow.engine.tables.read import read_table

PNG = b"\x89PNG\r\n\x1a\n rest"
BOX = BoundingBox(20, 10, 40, 30)  # [top, left, height, width] = [10, 20, 30, 40]
A_AND_B = Checklist((Choice(Feature("a")), Choice(Feature("b"))))

ONTOLOGY = tree.Ontology(
    (
        tree.Tool(
            "Car",
            "rectangle",
            (
                tree.Classification(
                    "car",
                    "radio",
                    (
                        tree.Option("red", "red", (tree.Classification("note", "text"),)),
                        tree.Option("red///dark", "dark red"),
                    ),
                ),
                tree.Classification("cargo", "checklist", (tree.Option("wood", "wood"), tree.Option("coal", "coal"))),
            ),
        ),
    ),
    (
        tree.Classification(
            "Weather",
            "radio",
            (
                tree.Option("rain", "rain", (tree.Classification("how much", "text"),)),
                tree.Option("sun", "sun"),
            ),
        ),
    ),
)


def _csv(rows: Sequence[dict[str, Any]]) -> Iterator[Batch]:
    """The rows as pandas writes them: lists as Python shows them."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, *([str(row.get(name, "")) for name in names] for row in rows)]
    text = "\n".join(",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in line) for line in lines)
    return read_table(io.BytesIO(text.encode()), "wide.csv")


def _parquet(rows: Sequence[dict[str, Any]]) -> Iterator[Batch]:
    file = io.BytesIO()
    names = dict.fromkeys(name for row in rows for name in row)
    pq.write_table(pa.Table.from_pydict({name: [row.get(name) for row in rows] for name in names}), file)
    return read_table(io.BytesIO(file.getvalue()), "wide.parquet")


def _reads(batches: Iterator[Batch], ontology: tree.Ontology | None = ONTOLOGY, **spec: Any) -> list[Read]:
    return list(WideReader(WideSpec.model_validate(spec), ontology).read(batches))


def _values(reads: Sequence[Read]) -> list[Any]:
    return [each.value if isinstance(each, Annotation) else each for each in reads]


def _one(column: str, cell: Any, **spec: Any) -> list[Read]:
    return _reads(_csv([{"global_key": "img-1", column: cell}]), **spec)


CELLS: dict[str, tuple[str, Any, list[Any]]] = {
    "box": ("bbox", [[[10, 20, 30, 40], []]], [BOX]),
    "two boxes": ("bbox", [[[10, 20, 30, 40], []], [[1, 2, 3, 4.5], []]], [BOX, BoundingBox(2, 1, 4.5, 3)]),
    "boxes and answers in one list": ("bbox", [[10, 20, 30, 40], [], [10, 20, 30, 40], []], [BOX, BOX]),
    "tuples": ("bbox", [((10, 20, 30, 40), [])], [BOX]),
    "bare boxes": ("bbox", [[10, 20, 30, 40], [10, 20, 30, 40]], [BOX, BOX]),
    "one bare box": ("bbox", [10, 20, 30, 40], [BOX]),
    "JSON": ("bbox", "[[[10, 20, 30, 40], null]]", [BOX]),
    "polygon": ("polygon", [[[[0, 0], [1, 0], [1, 1]], []]], [Polygon(((0, 0), (1, 0), (1, 1)))]),
    "bare polygon": ("polygon", [[0, 0], [1, 0], [1, 1]], [Polygon(((0, 0), (1, 0), (1, 1)))]),
    "line of tuples": ("line", [[[(0, 0), (1, 1)], []]], [Line(((0, 0), (1, 1)))]),
    "point": ("point", [[[3, 4], []], [[5, 6], []]], [Point(3, 4), Point(5, 6)]),
    "mask by URL": (
        "mask",
        [[["https://x/m.png", [255, 0, 0]], []], [["gs://b/m.png", [0, 255, 0]], []]],
        [MaskUri("https://x/m.png", (255, 0, 0)), MaskUri("gs://b/m.png", (0, 255, 0))],
    ),
    "mask as a PNG": ("mask", [[[base64.b64encode(PNG).decode(), None], []]], [MaskImage(PNG)]),
    "mask as a PNG and the word null": ("mask", [[[base64.b64encode(PNG).decode(), "null"], []]], [MaskImage(PNG)]),
    "mask as an array": ("mask", [[[[[0, 1, 1], [0, 0, 1]], [1, 1, 1]], []]], [MaskRuns((2, 3), (2, 1, 1, 2))]),
    "mask as an array that begins inside": ("mask", [[[[[1, 0]], None], []]], [MaskRuns((1, 2), (0, 1, 1))]),
    "mask as an array of colours": (
        "mask",
        [[[[[[0, 0, 0], [9, 0, 0]], [[9, 9, 0], [9, 0, 0]]], [9, 0, 0]], []]],
        [MaskRuns((2, 2), (2, 2))],
    ),
    "entity": ("named-entity", [[[3, 7], []]], [TextEntity(3, 7)]),
    "entity of a document": (
        "named-entity",
        [[[["g-1", ["t-1", "t-2"], 1]], []]],
        [DocumentEntity((TokenGroup("g-1", ("t-1", "t-2"), 1),))],
    ),
    "box on a map": (
        "geo_bbox",
        [[[[[1, 5], [1, 2], [4, 2], [4, 5], [1, 5]]], []]],
        [BoundingBox(1, 2, 3, 3)],
    ),
    "polygon on a map": ("geo_polygon", [[[[[0, 0], [1, 0], [1, 1]]], []]], [Polygon(((0, 0), (1, 0), (1, 1)))]),
    "line on a map": ("geo_line", [[[[0, 0], [1, 1]], []]], [Line(((0, 0), (1, 1)))]),
    "point on a map": ("geo_point", [[[-99.2, 19.4], []]], [Point(-99.2, 19.4)]),
    "radio": ("radio", [["sun"]], [Radio(Choice(Feature("sun")))]),
    "radio as a word": ("radio", "sun", [Radio(Choice(Feature("sun")))]),
    "checklist": ("checklist", [["a", "b"]], [Checklist((Choice(Feature("a")), Choice(Feature("b"))))]),
    "checklist in several lists": (
        "checklist",
        [["a"], ["b"]],
        [Checklist((Choice(Feature("a")), Choice(Feature("b"))))],
    ),
    "text": ("text", [['it\'s "raining"']], [FreeText('it\'s "raining"')]),
    "text with the divider": ("text", [["one///two"]], [FreeText("one///two")]),
    "text as it is": ("text", "(it's raining)", [FreeText("(it's raining)")]),
}


@pytest.mark.parametrize("case", CELLS)
def test_a_cell_of_text_becomes_annotations(case: str) -> None:
    kind, cell, values = CELLS[case]
    found = _one(f"annotation///{kind}///Thing", cell)
    assert _values(found) == values
    assert all(
        isinstance(each, Annotation) and (each.data_row, each.feature) == (DataRow("img-1"), Feature("Thing"))
        for each in found
    )


TYPED: dict[str, tuple[str, Any, list[Any]]] = {
    "list of boxes": ("bbox", [[10, 20, 30, 40], [10, 20, 30, 40]], [BOX, BOX]),
    "list of structs": ("bbox", [{"geometry": [10.0, 20.0, 30.0, 40.0], "confidence": 0.5}], [BOX]),
    "list of Labelbox's boxes": ("bbox", [{"top": 10, "left": 20, "height": 30, "width": 40}], [BOX]),
    "list of polygons": ("polygon", [[[0, 0], [1, 0], [1, 1]]], [Polygon(((0, 0), (1, 0), (1, 1)))]),
    "polygon of structs": (
        "polygon",
        [{"geometry": [{"x": 0, "y": 0}, {"x": 1, "y": 0}, {"x": 1, "y": 1}]}],
        [Polygon(((0, 0), (1, 0), (1, 1)))],
    ),
    "list of points": ("point", [[3, 4], [5, 6]], [Point(3, 4), Point(5, 6)]),
    "struct of a point": ("point", [{"x": 3, "y": 4}], [Point(3, 4)]),
    "struct of a mask": (
        "mask",
        [{"instanceURI": "https://x/m.png", "colorRGB": [1, 2, 3]}],
        [MaskUri("https://x/m.png", (1, 2, 3))],
    ),
    "struct of run lengths": ("mask", [{"size": [1, 2], "counts": [1, 1]}], [MaskRuns((1, 2), (1, 1))]),
    "struct of an entity": ("named-entity", [{"start": 3, "end": 7}], [TextEntity(3, 7)]),
    "list of entities": ("named-entity", [[3, 7], [8, 9]], [TextEntity(3, 7), TextEntity(8, 9)]),
    "list of answers": ("checklist", [["a", "b"]], [A_AND_B]),
    "list of words": ("checklist", ["a", "b"], [A_AND_B]),
    "structs of answers": (
        "radio",
        [{"name": "a", "classifications": [{"name": "why", "answer": "so"}]}],
        [Radio(Choice(Feature("a"), (Classification(Feature("why"), FreeText("so")),)))],
    ),
    "number": ("radio", 3, [Radio(Choice(Feature("3")))]),
}


@pytest.mark.parametrize("read", [_csv, _parquet])
@pytest.mark.parametrize("case", TYPED)
def test_a_typed_cell_reads_like_its_text(case: str, read: Any) -> None:
    kind, cell, values = TYPED[case]
    assert _values(_reads(read([{"global_key": "img-1", f"annotation///{kind}///Thing": cell}]))) == values


@pytest.mark.parametrize("empty", ["", "None", "nan", "NaN", "[]", "null", " "])
def test_sparse_cells_are_no_annotations(empty: str) -> None:
    rows = [
        {"global_key": "i-1", "annotation///bbox///Car": empty, "annotation///text///Note": "x"},
        {"global_key": "i-2", "annotation///bbox///Car": "[[[10, 20, 30, 40], []]]", "annotation///text///Note": empty},
    ]
    assert _values(_reads(_csv(rows))) == [FreeText("x"), BOX]


def test_typed_nulls_and_nan_are_no_annotations() -> None:
    rows = [
        {"global_key": "i-1", "annotation///bbox///Car": None, "annotation///radio///Score": float("nan")},
        {"global_key": "i-2", "annotation///bbox///Car": [[10, 20, 30, 40]], "annotation///radio///Score": 2.0},
    ]
    assert _values(_reads(_parquet(rows))) == [BOX, Radio(Choice(Feature("2")))]


@pytest.mark.parametrize("cell", ['[["it\'s"]]', "[['it\\'s']]", "[['it's']]", '[["it\\u0027s"]]', '[["it\'s",]]'])
def test_apostrophes_stay(cell: str) -> None:
    assert _values(_one("annotation///text///Note", cell)) == [FreeText("it's")]


def test_nested_answers_follow_the_ontology() -> None:
    paths = ["cargo///coal", "car///red///note///it's a///b", "cargo///wood"]
    (found,) = _one("annotation///bbox///Car", [[[10, 20, 30, 40], paths]])
    assert isinstance(found, Annotation)
    assert found.classifications == (
        Classification(Feature("cargo"), Checklist((Choice(Feature("coal")), Choice(Feature("wood"))))),
        Classification(
            Feature("car"),
            Radio(Choice(Feature("red"), (Classification(Feature("note"), FreeText("it's a///b")),))),
        ),
    )


def test_an_option_with_the_divider_in_its_name_is_found() -> None:
    (found,) = _one("annotation///bbox///Car", [[[10, 20, 30, 40], ["car///red///dark"]]])
    assert isinstance(found, Annotation)
    assert found.classifications == (Classification(Feature("car"), Radio(Choice(Feature("red///dark")))),)


def test_answers_nested_in_a_radio_follow_the_ontology() -> None:
    (found,) = _one("annotation///radio///Weather", [["rain///how much///a lot"]])
    assert _values([found]) == [
        Radio(Choice(Feature("rain"), (Classification(Feature("how much"), FreeText("a lot")),)))
    ]


def test_nested_answers_in_labelbox_form_need_no_ontology() -> None:
    nested = [{"name": "Colour", "answer": {"name": "red"}}]
    for read in (_csv, _parquet):
        rows = [
            {"global_key": "i", "annotation///bbox///X": [{"geometry": [10, 20, 30, 40], "classifications": nested}]}
        ]
        (found,) = _reads(read(rows), None)
        assert isinstance(found, Annotation)
        assert found.classifications == (Classification(Feature("Colour"), Radio(Choice(Feature("red")))),)


def test_predictions_have_a_confidence() -> None:
    rows = [
        {
            "global_key": "i",
            "prediction///bbox///Car": [[[10, 20, 30, 40], [], 0.25]],
            "prediction///radio///Weather": [[["sun"], 0.75]],
            "annotation///bbox///Car": [[[10, 20, 30, 40], []]],
        }
    ]
    found = _reads(_csv(rows), prefix="prediction")
    assert [getattr(each, "confidence", None) for each in found] == [0.25, 0.75]


def test_boxes_of_documents_have_their_page() -> None:
    (found,) = _one("annotation///bbox///Total", [[[10, 20, 30, 40, 2], []]])
    assert isinstance(found, Annotation)
    assert (found.value, found.part) == (BOX, Page(2, "POINTS"))


def test_row_data_is_the_key_where_there_is_no_other_and_the_divider_may_differ() -> None:
    rows = [{"row_data": "https://x/1.png", "annotation|||bbox|||Car|||old": "[[[10, 20, 30, 40], []]]"}]
    (found,) = _reads(_csv(rows), divider="|||")
    assert found == Annotation(DataRow("https://x/1.png"), Feature("Car|||old"), BOX)
    (other,) = _reads(_csv(rows), divider="|||", global_key="img/{row_data}")
    assert str(other.data_row) == "img/https://x/1.png"


WRONG: dict[str, tuple[str, Any, str, str]] = {
    "NaN in a list": ("bbox", "[[[10, nan, 30, 40], []]]", "not_finite", "NaN"),
    "NaN in JSON": ("bbox", "[[[10, NaN, 30, 40], []]]", "not_finite", "[0] = nan: must be a finite number"),
    "open bracket": ("bbox", "[[[10, 20, 30, 40], []]", "bad_cell", "neither JSON nor a list"),
    "a word": ("bbox", "yes", "bad_cell", "[[[top, left, height, width], [answers]], …]"),
    "three numbers": ("bbox", [[[10, 20, 30], []]], "bad_box", "[top, left, height, width]"),
    "a word for a number": ("bbox", [[[10, "x", 30, 40], []]], "not_a_number", "'x'"),
    "colour missing": ("mask", [[["https://x/m.png", None], []]], "bad_mask", "without the colour"),
    "colour too large": ("mask", [[["https://x/m.png", [0, 0, 300]], []]], "bad_color", "0 to 255"),
    "array of ragged rows": ("mask", [[[[[0, 1], [0]], [1, 1, 1]], []]], "bad_mask", "rows of pixels"),
    "entity that ends before": ("named-entity", [[[7, 3], []]], "bad_entity", "ends before it starts"),
    "tokens without a page": ("named-entity", [[[["g", ["t"]]], []]], "bad_entity", "[[group, [tokens], page]"),
    "polygon with a hole on a map": (
        "geo_polygon",
        [[[[[0, 0], [9, 0], [9, 9]], [[1, 1], [2, 1], [2, 2]]], []]],
        "several_rings",
        "2 rings",
    ),
    "two answers to a radio": ("radio", [["sun", "rain"]], "several_answers", "2 answers"),
    "two texts": ("text", [["one"], ["two"]], "several_answers", "2 answers"),
    "no answer": ("radio", [[""]], "no_answer", "no answer"),
    "unknown question": ("bbox", [[[10, 20, 30, 40], ["carg///x"]]], "unknown_class", "Did you mean 'cargo'?"),
    "confidence above 1": ("bbox", [[[10, 20, 30, 40], [], 7]], "bad_confidence", "between 0 and 1"),
    "answers too deep": ("checklist", [[["a", "b"]]], "bad_cell", "list of answers"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_cell_is_rejected_with_line_column_class_value_and_reason(case: str) -> None:
    kind, cell, code, said = WRONG[case]
    name = {"radio": "Weather"}.get(kind, "Car")
    column = f"annotation///{kind}///{name}"
    rows = [{"global_key": "img-1", column: cell, "annotation///text///Note": "good"}]
    wrong, other = _reads(_csv(rows))
    assert isinstance(wrong, RejectedAnnotation)
    assert (wrong.code, wrong.field, wrong.class_name, str(wrong.data_row)) == (code, column, name, "img-1")
    assert str(wrong.origin) == "wide.csv line 2"
    assert said in wrong.reason
    assert wrong.line == {column: str(cell)}
    assert _values([other]) == [FreeText("good")]


def test_a_wrong_annotation_takes_no_other_of_its_cell_with_it() -> None:
    for cell in ("[[[10, 20, 30, 40], []], [[1, 2], []]]", [[10, 20, 30, 40], [1, 2]]):
        good, wrong = _one("annotation///bbox///Car", cell)
        assert _values([good]) == [BOX]
        assert isinstance(wrong, RejectedAnnotation)
        assert "annotation///bbox///Car[1]" in wrong.reason


def test_a_typed_nan_is_rejected() -> None:
    rows = [{"global_key": "i", "annotation///bbox///Car": [[10.0, float("nan"), 30.0, 40.0]]}]
    (wrong,) = _reads(_parquet(rows))
    assert isinstance(wrong, RejectedAnnotation)
    assert wrong.code == "not_finite"


def test_nested_answers_without_an_ontology_are_rejected() -> None:
    for column, cell in (
        ("annotation///bbox///Car", [[[10, 20, 30, 40], ["car///red"]]]),
        ("annotation///radio///Weather", [["rain///how much///a lot"]]),
    ):
        (wrong,) = _one(column, cell, ontology=None)
        assert isinstance(wrong, RejectedAnnotation)
        assert wrong.code == "no_ontology"


def test_a_row_without_a_key_is_rejected_once_and_only_if_it_has_annotations() -> None:
    box = "[[[10, 20, 30, 40], []]]"
    rows = [
        {"global_key": "", "annotation///bbox///Car": box, "annotation///bbox///Bus": box},
        {"global_key": "", "annotation///bbox///Car": "", "annotation///bbox///Bus": ""},
        {"global_key": "i", "annotation///bbox///Car": box, "annotation///bbox///Bus": ""},
    ]
    wrong, good = _reads(_csv(rows))
    assert isinstance(wrong, RejectedAnnotation)
    assert (wrong.code, wrong.line["annotation///bbox///Bus"]) == ("null_key", box)
    assert _values([good]) == [BOX]


def test_rows_rejected_while_reading_come_in_their_place() -> None:
    text = "global_key,annotation///text///Note\ni,a\ni,b,c\ni,d\n"
    found = _reads(read_table(io.BytesIO(text.encode()), "wide.csv"))
    assert [type(each) for each in found] == [Annotation, RejectedAnnotation, Annotation]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"global_key": "i", "annotation///box///Car": "x"}, r"wide.csv: .*'box'.* Did you mean 'bbox'\?"),
        ({"global_key": "i", "annotation///bbox": "x"}, "names no class"),
        ({"key": "i", "annotation///bbox///Car": "x"}, "neither a column global_key nor row_data"),
    ],
)
def test_a_table_that_does_not_follow_the_grammar_fails(row: dict[str, Any], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        _reads(_csv([row]))
