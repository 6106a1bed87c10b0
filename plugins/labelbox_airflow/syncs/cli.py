"""``labelbox-sync``: check sync files before they are deployed, print their JSON Schema, adopt datasets."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from labelbox_airflow.engine.errors import ConfigurationError, DataIOError
from labelbox_airflow.syncs.load import Sync, SyncFileError, conflicts, find_syncs, load_sync

OK, PROBLEMS, USAGE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 all is well, 1 problems were found, 2 wrong usage."""
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:
        return OK if stop.code in {None, OK} else USAGE
    if arguments.command == "schema":
        from labelbox_airflow.syncs.schema import json_schema

        print(json.dumps(json_schema(), indent=2))
        return OK
    if arguments.command == "adopt":
        return adopt(arguments.file)
    if arguments.command == "ontology":
        return ontology(arguments)
    return check(arguments.files, connect=arguments.connect)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="labelbox-sync", description="Work with the sync files of Labelbox.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    checking = commands.add_parser("check", help="validate sync files; exit code 1 when there are problems")
    checking.add_argument("files", nargs="+", type=Path, metavar="FILE", help="sync files, or directories of them")
    checking.add_argument(
        "--connect",
        action="store_true",
        help="also ask Airflow, Labelbox and the object stores whether what the files name is there",
    )
    adopting = commands.add_parser(
        "adopt", help="fill the ledger from a dataset that was loaded before; writes nothing to Labelbox"
    )
    adopting.add_argument("file", type=Path, metavar="FILE", help="the sync file of the dataset")
    drafting = commands.add_parser("ontology", help="draft an ontology file from annotations; prints it")
    origins = drafting.add_subparsers(dest="origin", required=True, metavar="FROM")
    for origin, help_text in (
        ("from-coco", "from the categories of a COCO file"),
        ("from-ndjson", "from the classes of Labelbox annotation NDJSON"),
        ("from-table", "from the classes in a column of a CSV or Parquet file"),
    ):
        reading = origins.add_parser(origin, help=help_text)
        reading.add_argument("file", type=Path, metavar="FILE")
    reading.add_argument("--class", dest="column", required=True, metavar="COLUMN", help="the column")
    reading.add_argument("--kind", default="bounding_box", help="of the tools, such as bounding_box or polygon")
    commands.add_parser("schema", help="print the JSON Schema of sync files, for editors")
    return parser


def check(files: Sequence[Path], *, connect: bool = False) -> int:
    """Print every problem of the sync files, one a line, and a summary; return the exit code.

    :param files: sync files or directories of them; files that begin with ``_``, such as defaults, are passed over
    """
    syncs, problems = _loaded(files)
    problems += conflicts(syncs)
    problems += [problem for sync in syncs for problem in ontology_problems(sync)]
    troubled = {sync.path for sync in syncs if any(str(sync.path) in problem for problem in problems)}
    if connect:
        from labelbox_airflow.syncs.check import connected_problems

        for sync in syncs:
            if found := connected_problems(sync):
                troubled.add(sync.path)
                problems += found
    for problem in problems:
        print(problem)
    for sync in syncs:
        if sync.path not in troubled:
            print(f"{sync.path}: ok (dag id {sync.name}, schedule {_schedule(sync)})")
    print(f"{_count(len(syncs) - len(troubled), 'sync file')} ok, {_count(len(problems), 'problem')}")
    return PROBLEMS if problems else OK


def adopt(file: Path) -> int:
    """Adopt the dataset of a sync file, print what was adopted, and return the exit code."""
    from labelbox_airflow.syncs.adopt import adopt as adopt_sync

    try:
        print(adopt_sync(load_sync(file, conditions=True)))
    except DataIOError as error:
        print(error)
        return PROBLEMS
    return OK


def ontology(arguments: argparse.Namespace) -> int:
    """Print the draft of an ontology file, and return the exit code."""
    from labelbox_airflow.syncs.ontology import draft

    given = {name: getattr(arguments, name) for name in ("column", "kind") if hasattr(arguments, name)}
    try:
        print(draft(arguments.origin, arguments.file, **given), end="")
    except DataIOError as error:
        print(error, file=sys.stderr)
        return PROBLEMS
    return OK


def ontology_problems(sync: Sync) -> list[str]:
    """Return what is wrong with the ontology file of a sync, if it names one."""
    project = sync.spec.project
    if project is None or project.ontology is None:
        return []
    from labelbox_airflow.engine.project.ensure import read_ontology

    try:
        read_ontology(project.ontology, sync.path.parent)
    except ConfigurationError as error:
        return [f"{sync.path}: {error}"]
    return []


def _loaded(files: Sequence[Path]) -> tuple[list[Sync], list[str]]:
    syncs: list[Sync] = []
    problems: list[str] = []
    for given in files:
        try:
            paths = find_syncs(given) if given.is_dir() else [given]
        except ConfigurationError as error:
            problems.append(str(error))
            continue
        for path in paths:
            if path.name.startswith("_"):
                continue
            try:
                syncs.append(load_sync(path, conditions=True))
            except SyncFileError as error:
                problems += error.problems
    return syncs, problems


def _schedule(sync: Sync) -> str:
    schedule = sync.spec.schedule
    if schedule is None:
        return "by hand"
    return f"after asset {schedule.after}" if schedule.after else f"{schedule.cron()} {schedule.timezone}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    sys.exit(main())
