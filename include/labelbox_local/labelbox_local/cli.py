"""The command `labelbox-local`."""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from labelbox_local import labeler_command
from labelbox_local.data_rows import delete_rows
from labelbox_local.embeddings import add_precomputed_embedding
from labelbox_local.fault_plans import read_fault_plan
from labelbox_local.limits import PLANS, set_plan
from labelbox_local.media import start_media_reader
from labelbox_local.ontology import add_reserved_fields
from labelbox_local.organization import add_own_user
from labelbox_local.platform import Platform
from labelbox_local.server import make_app
from labelbox_local.switches import Switches
from labelbox_local.tasks import resume_tasks
from labelbox_local.uploads import remove_consumed_uploads
from labelbox_local.webhooks import start_webhook_sender

if TYPE_CHECKING:
    from collections.abc import Sequence


_LABELER = "labelbox-local labeler --help: plays the people who label and review in a server that runs"


class _Server(uvicorn.Server):
    """Says on standard output, in one line, that it is ready."""

    def __init__(self, config: uvicorn.Config, base_url: str) -> None:
        super().__init__(config)
        self.base_url = base_url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(f"Labelbox is ready at {self.base_url}/graphql", flush=True)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    switches = "\n".join(f"  {item.name}={item.default}\n      {item.metadata['says']}" for item in fields(Switches))
    parser = argparse.ArgumentParser(
        prog="labelbox-local",
        description="A local server that answers the Labelbox SDK, for development and CI.",
        epilog=f"{_LABELER}\n\nswitches and their defaults:\n{switches}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, required=True, help="port to listen on; 0 chooses a free one")
    parser.add_argument("--data", type=Path, required=True, help="directory of the database and the uploaded files")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--api-key", help="the only API key that is accepted; any is without this")
    parser.add_argument(
        "--allow-host", nargs="+", action="extend", default=[], metavar="HOST",
        help="hosts whose assets are read for media attributes and to which webhooks are sent, besides 127.0.0.1",
    )  # fmt: skip
    parser.add_argument(
        "--plan",
        choices=PLANS,
        help="its limits; without this those of enterprise, with no limit of requests",
    )
    parser.add_argument("--faults", type=Path, metavar="FILE", help="a plan of faults on purpose, YAML or JSON")
    parser.add_argument("--switch", action="append", default=[], metavar="NAME=VALUE", help="choose a behaviour")
    return parser.parse_args(arguments)


def _platform(chosen: argparse.Namespace, port: int) -> Platform:
    """Raises: ValueError, OSError."""
    switches = Switches()
    if chosen.plan:
        set_plan(switches, chosen.plan)
    faults = read_fault_plan(chosen.faults) if chosen.faults else []
    for switch in chosen.switch:
        name, equals, value = switch.partition("=")
        if not equals:
            raise ValueError(f"--switch {switch}: write NAME=VALUE")
        switches.set(name, value)
    shown = "127.0.0.1" if chosen.host in {"0.0.0.0", "::"} else chosen.host  # noqa: S104 - compared, not bound
    platform = Platform(
        directory=chosen.data,
        base_url=f"http://{shown}:{port}",
        api_key=chosen.api_key,
        allowed_hosts=frozenset({"127.0.0.1", *chosen.allow_host}),
        switches=switches,
    )
    for fault in faults:
        platform.faults.plan(fault)
    return platform


def _remove_orphans(platform: Platform) -> None:
    """Finish deleting datasets where an earlier run was cut off."""
    orphans = "SELECT seq FROM data_row WHERE dataset NOT IN (SELECT id FROM dataset) LIMIT 5000"
    while rows := platform.store.rows(orphans):
        delete_rows(platform, [row["seq"] for row in rows])


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; 0 after a clean stop, 2 when the server cannot start."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["labeler"]:
        return labeler_command.main(given[1:])
    chosen = _arguments(given)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    try:
        listener = socket.socket(socket.AF_INET6 if ":" in chosen.host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((chosen.host, chosen.port))
        platform = _platform(chosen, listener.getsockname()[1])
    except BlockingIOError:
        print(f"labelbox-local: {chosen.data} is in use by another server", file=sys.stderr)
        return 2
    except (ValueError, OSError) as error:
        print(f"labelbox-local: {error}", file=sys.stderr)
        return 2
    add_own_user(platform)
    add_reserved_fields(platform)
    add_precomputed_embedding(platform)
    remove_consumed_uploads(platform)
    _remove_orphans(platform)
    app = make_app(platform)
    resume_tasks(platform)
    start_media_reader(platform)
    start_webhook_sender(platform)
    # After its own shutdown uvicorn raises the signal again; by then there is nothing left to stop.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, lambda *_: None)
    config = uvicorn.Config(app, log_level="error", access_log=False, timeout_graceful_shutdown=5, lifespan="off")
    _Server(config, platform.base_url).run(sockets=[listener])
    platform.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
