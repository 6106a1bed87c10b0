"""What the README and the reference say can be done as they say it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from airflow.sdk import DAG
from pydantic import BaseModel

from labelbox_airflow.engine.annotations.readers.coco_spec import CocoSpec
from labelbox_airflow.engine.annotations.readers.table_spec import MaskSpec
from labelbox_airflow.engine.annotations.readers.table_spec import TableSpec as AnnotationTableSpec
from labelbox_airflow.engine.annotations.readers.voc_spec import VocSpec
from labelbox_airflow.engine.annotations.readers.wide_spec import WideSpec
from labelbox_airflow.engine.annotations.readers.yolo_spec import YoloSpec
from labelbox_airflow.engine.annotations.spec import AnnotationsSpec
from labelbox_airflow.engine.exports.spec import read_spec
from labelbox_airflow.engine.exports.tables import TableSpec
from labelbox_airflow.engine.guard import GuardSpec
from labelbox_airflow.engine.project.spec import BatchSpec, ProjectSpec, SelectSpec
from labelbox_airflow.engine.rows.attach import AttachSpec
from labelbox_airflow.engine.rows.spec import (
    ColumnGrammarSpec,
    EmbeddingSpec,
    LocalFilesSpec,
    MetadataSpec,
    RowsSpec,
)
from labelbox_airflow.engine.tables.options import CsvOptions, DeltaOptions, ExcelOptions
from labelbox_airflow.engine.window import WindowSpec
from labelbox_airflow.notifications.spec import AlertSpec, SlackAlertSpec, SmtpAlertSpec
from labelbox_airflow.sources.objects import OBJECT_COLUMNS
from labelbox_airflow.sources.sidecars import SidecarSpec
from labelbox_airflow.syncs.dag import sync_task_group
from labelbox_airflow.syncs.load import load_sync
from labelbox_airflow.syncs.spec import (
    DatasetSpec,
    IcebergInputSpec,
    ObjectInputSpec,
    PluginInputSpec,
    ScheduleSpec,
    SqlInputSpec,
    SyncSpec,
    TableInputSpec,
)

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
REFERENCE = (ROOT / "docs" / "sync-file.md").read_text()
REFUSED = {"direction"}  # there to say that they are not built yet


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_sync_file_of_the_readme_loads(tmp_path: Path) -> None:
    file = tmp_path / "photos.yaml"
    file.write_text(blocks("yaml")[0])
    assert load_sync(file).spec.name == "photos"


@pytest.mark.parametrize("number", range(1, len(blocks("yaml"))))
def test_the_parts_of_the_readme_fit_into_its_sync_file(tmp_path: Path, number: int) -> None:
    whole, part = (yaml.safe_load(blocks("yaml")[index]) for index in (0, number))
    if "attach" in part:
        del whole["rows"]
    if "annotations" in part:
        part["sources"] = whole["sources"] | part["sources"]
    file = tmp_path / "photos.yaml"
    file.write_text(yaml.safe_dump(whole | part, sort_keys=False))
    assert load_sync(file).spec.name == "photos"


def python_block(word: str) -> str:
    (block,) = [block for block in blocks("python") if word in block]
    return str(block)


def test_the_dag_of_the_readme_builds(tmp_path: Path) -> None:
    sync = blocks("yaml")[0]
    code = python_block("sync_task_group(")
    file = tmp_path / "photos.yaml"
    file.write_text(sync)
    names: dict[str, object] = {}
    exec(code.replace("/opt/airflow/include/syncs/photos.yaml", str(file)), names)
    assert names["sync_task_group"] is sync_task_group


def test_the_dag_with_annotations_of_the_readme_builds() -> None:
    names: dict[str, object] = {}
    exec(python_block("annotations_task_group("), names)
    dag = names["scored"]
    assert isinstance(dag, DAG)
    assert "scored.import_annotations" in dag.task_ids


def test_the_dag_with_an_export_of_the_readme_builds() -> None:
    names: dict[str, object] = {}
    exec(python_block("export_task_group("), names)
    dag = names["receipts_out"]
    assert isinstance(dag, DAG)
    assert sorted(dag.task_ids) == [f"receipts_out.{task}" for task in ("export", "write_boxes", "write_labels")]
    for name in ("boxes", "labels"):
        TableSpec.model_validate(dag.task_dict[f"receipts_out.write_{name}"].table)
    read_spec(dag.task_dict["receipts_out.export"].export, "export")


@pytest.mark.parametrize(
    "model",
    [
        SyncSpec,
        DatasetSpec,
        ScheduleSpec,
        TableInputSpec,
        ObjectInputSpec,
        SidecarSpec,
        LocalFilesSpec,
        WindowSpec,
        CsvOptions,
        DeltaOptions,
        ExcelOptions,
        SqlInputSpec,
        IcebergInputSpec,
        PluginInputSpec,
        GuardSpec,
        AlertSpec,
        SmtpAlertSpec,
        SlackAlertSpec,
        RowsSpec,
        AttachSpec,
        MetadataSpec,
        EmbeddingSpec,
        ColumnGrammarSpec,
        AnnotationsSpec,
        CocoSpec,
        YoloSpec,
        VocSpec,
        AnnotationTableSpec,
        MaskSpec,
        WideSpec,
        ProjectSpec,
        SelectSpec,
        BatchSpec,
    ],
)
def test_every_key_is_in_the_reference(model: type[BaseModel]) -> None:
    keys = {field.alias or name for name, field in model.model_fields.items()} - REFUSED
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", REFERENCE)] == []


def test_every_column_of_objects_is_in_the_reference() -> None:
    assert [column for column in OBJECT_COLUMNS if f"`{column}`" not in REFERENCE] == []


def test_the_objects_of_the_reference_load(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```yaml\n(sources:\n  photos:.*?)^```", REFERENCE, re.MULTILINE | re.DOTALL)
    file = tmp_path / "photos.yaml"
    file.write_text(f"version: 1\nname: photos\nlabelbox: {{dataset: {{name: Photos}}}}\n{text}")
    assert load_sync(file).spec.columns() == {"photos": ("uri", "path", "facts.taken_at")}


def test_the_databases_of_the_reference_load(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```yaml\n(sources:\n  receipts:.*?)^```", REFERENCE, re.MULTILINE | re.DOTALL)
    file = tmp_path / "receipts.yaml"
    rows = "rows: {row_data: url, global_key: id, metadata: {score: scores.score}}"
    file.write_text(f"version: 1\nname: receipts\nlabelbox: {{dataset: {{name: Receipts}}}}\n{text}{rows}\n")
    assert load_sync(file).spec.columns() == {
        "receipts": ("url", "id", "updated_at"),
        "scores": ("score", "receipt_id"),
    }


def test_every_make_target_of_the_readme_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`(?:\w+=\S+ )?make ([a-z-]+)`", README)) <= targets


def test_the_readme_links_to_files_that_are_there() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
