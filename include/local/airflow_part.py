"""One of Airflow's processes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from include.local.directory import ROOT

from labelbox_local.stack import ChildProcess

COMMANDS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}


class AirflowPart:
    """One of Airflow's processes. It is started without waiting; the API tells when it is well."""

    def __init__(self, name: str, log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = log
        self._environment = environment
        self._child: ChildProcess | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._child.pid if self._child else None

    @property
    def exit_code(self) -> int | None:
        """Exit code when it ended by itself."""
        return self._child.exit_code if self._child else None

    def start(self) -> None:
        """Start the process."""
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".previous.log"))
        command = [sys.executable, "-m", "airflow", *COMMANDS[self.name]]
        self._child = ChildProcess(command, log=self.log, directory=ROOT, environment=self._environment)

    def last_lines(self) -> str:
        """Return the end of its log, indented."""
        return self._child.last_lines() if self._child else ""

    def stop(self) -> None:
        """End the process and all that it started."""
        child, self._child = self._child, None
        if child:
            child.stop()
