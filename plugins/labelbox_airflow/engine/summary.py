"""The summary of an extraction: what later tasks of the run need to know, and the plan a dry run prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelbox_airflow.engine.errors import IncompleteRunError
from labelbox_airflow.engine.extract import Extracted
from labelbox_airflow.engine.metadata_schema import MetadataSchema, SchemaAddition, missing_from_schema
from labelbox_airflow.engine.report import ASIDE, Reason
from labelbox_airflow.engine.rows.attach import MappingSpec, mapping_spec
from labelbox_airflow.engine.rows.decide import Overwrite
from labelbox_airflow.engine.staging import Staging
from labelbox_airflow.engine.units import Unit
from labelbox_airflow.engine.waiting import NO_DATA_ROW


@dataclass(frozen=True)
class Summary:
    """What an extraction found, as it lies on staging.

    :param retried: those of the rows read that waited since earlier runs
    :param mapping: the mapping, the former connectors' columns spelled out; None for a run without rows
    :param additions: metadata fields and enum options the rows need
    """

    organization: str
    dataset_id: str | None
    dataset: str
    window: str
    moves_watermark: bool
    overwrite: Overwrite
    read: int
    retried: int
    outcomes: Counter[str]
    planned: Counter[str]
    units: Sequence[Unit]
    additions: Mapping[str, SchemaAddition]
    mapping: MappingSpec | None

    @classmethod
    def without_rows(cls, organization: str, goal: str, window: str, moves_watermark: bool) -> Summary:
        """Return the summary of a run that has no rows; ``goal`` is where it writes to instead of a dataset."""
        return cls(
            organization=organization,
            dataset_id=None,
            dataset=goal,
            window=window,
            moves_watermark=moves_watermark,
            overwrite="newer",
            read=0,
            retried=0,
            outcomes=Counter(),
            planned=Counter(),
            units=(),
            additions={},
            mapping=None,
        )

    @classmethod
    def of(
        cls,
        extracted: Extracted,
        target: Mapping[str, Any],
        window: str,
        moves_watermark: bool,
        overwrite: Overwrite,
    ) -> Summary:
        """Return the summary of a finished extraction into ``target`` (organization, dataset_id, dataset)."""
        return cls(
            organization=target["organization"],
            dataset_id=target["dataset_id"],
            dataset=target["dataset"],
            window=window,
            moves_watermark=moves_watermark,
            overwrite=overwrite,
            read=extracted.read,
            retried=extracted.retried,
            outcomes=extracted.outcomes,
            planned=extracted.planned,
            units=extracted.units,
            additions=extracted.additions,
            mapping=extracted.mapping,
        )

    @classmethod
    def read_from(cls, staging: Staging, name: str) -> Summary:
        """Read the summary that the extraction left.

        :raises FileNotFoundError: when it left none
        """
        raw = staging.read_json(name)
        raw["outcomes"], raw["planned"] = Counter(raw["outcomes"]), Counter(raw["planned"])
        raw["units"] = [Unit(**unit) for unit in raw["units"]]
        raw["additions"] = {
            field: SchemaAddition(addition["kind"], frozenset(addition["options"]))
            for field, addition in raw["additions"].items()
        }
        raw["mapping"] = mapping_spec(**raw["mapping"]) if raw["mapping"] is not None else None
        return cls(**raw)

    @property
    def rows(self) -> MappingSpec:
        """The mapping of a run that has rows.

        :raises IncompleteRunError: it has none
        """
        if self.mapping is None:
            raise IncompleteRunError("the run has no rows", where=self.dataset)
        return self.mapping

    @property
    def target_id(self) -> str:
        """The id of the dataset, once it is there.

        :raises IncompleteRunError: the gate has not made it
        """
        if self.dataset_id is None:
            raise IncompleteRunError("the dataset is not made yet", where=self.dataset, remedy="Clear the gate task.")
        return self.dataset_id

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as plain values, for JSON."""
        return {
            **vars(self),
            "units": [{"name": unit.name, "rows": unit.rows} for unit in self.units],
            "additions": {
                field: {"kind": addition.kind, "options": sorted(addition.options)}
                for field, addition in self.additions.items()
            },
            "mapping": None
            if self.mapping is None
            else {self.mapping.place: self.mapping.model_dump(mode="json", exclude_defaults=True)},
        }

    def counts(self) -> dict[str, Any]:
        """Return the numbers alone."""
        return {
            "read": self.read,
            "outcomes": dict(self.outcomes),
            "planned": dict(self.planned),
            "units": len(self.units),
        }


def plan_text(summary: Summary, extracted: Extracted, schema: MetadataSchema, reasons: Sequence[Reason]) -> str:
    """Return what a run would do, as text for people."""
    created, updated = summary.planned["create"], summary.planned["update"]
    changes = ", ".join(f"{part} {count:,}" for part, count in extracted.changes.most_common())
    lines = [
        f"Dry run of {summary.window} into '{summary.dataset}'"
        + ("" if summary.dataset_id else " (the dataset would be created)"),
        f"  {summary.read:,} rows read"
        + (f", of which {summary.retried:,} had waited since earlier runs" if summary.retried else ""),
        f"  {created:,} would be created{_samples(extracted, 'create')}",
        f"  {updated:,} would be updated{f' ({changes})' if changes else ''}{_samples(extracted, 'update')}",
        f"  {summary.outcomes['unchanged']:,} unchanged",
        f"  {summary.outcomes['superseded']:,} superseded{_samples(extracted, 'superseded')}",
        f"  {summary.outcomes['rejected']:,} rejected",
    ]
    lines[-1:-1] = [
        f"  {summary.outcomes[name]:,} {label}{_samples(extracted, NO_DATA_ROW)}"
        for name, label in ASIDE.items()
        if summary.outcomes[name]
    ]
    lines += [f"    {reason.rows:,} with {reason.code}: {reason.reason}" for reason in reasons]
    for name, options in missing_from_schema(schema, summary.additions).items():
        what = "options " + ", ".join(options) if name in schema else "the field" + _with(options)
        lines.append(f"  metadata field '{name}': {what} would be added")
    lines.append(f"  about {_calls(summary, extracted):,} calls to Labelbox; nothing was written")
    return "\n".join(lines)


def _samples(extracted: Extracted, kind: str) -> str:
    keys = extracted.samples.get(kind)
    return f", e.g. {', '.join(keys)}" if keys else ""


def _with(options: Sequence[str]) -> str:
    return f" with options {', '.join(options)}" if options else ""


def _calls(summary: Summary, extracted: Extracted) -> int:
    """Estimate the calls: 50 rows a metadata merge, 25 an attachment look-up, 1,000 vectors, 10 MB a chunk."""
    sent = summary.planned["create"] + summary.planned["update"]
    if not sent:
        return 0
    merges = -(-extracted.changes["metadata"] // 50) + -(-extracted.changes["attachments"] // 25)
    tasks = max(1, -(-sent // 50_000))
    return tasks * 6 + sent // 5_000 + sent // 10_000 + merges + -(-extracted.changes["embeddings"] // 1_000)
