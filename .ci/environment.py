"""Makes the development environment `.venv` and compiles its locks.

``setup`` makes `.venv` hold exactly requirements.txt, requirements-dev.txt and this repository's two packages
(editable); when it does already, nothing happens. ``lock`` compiles the requirement files.

uv does the work, installed into `.venv` by pip; where uv cannot be had, pip does. Both follow the user's pip settings.
Only the standard library is used: this runs before anything is installed.
"""

from __future__ import annotations

import ast
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
STAMP = VENV / ".setup"
LOCKS = ("requirements.txt", "requirements-dev.txt")
PACKAGES = (".", "include/labelbox_local")
INPUTS = (*LOCKS, *(f"{package}/pyproject.toml" for package in PACKAGES), ".ci/environment.py")


def main(arguments: list[str]) -> int:
    """Run `setup` or `lock`; return the exit code."""
    commands = {"setup": setup, "lock": lock}
    if len(arguments) != 1 or arguments[0] not in commands:
        print(f"usage: {Path(__file__).name} {'|'.join(commands)}", file=sys.stderr)
        return 2
    try:
        commands[arguments[0]]()
    except subprocess.CalledProcessError as error:
        print(f"This command failed with code {error.returncode}: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 1
    return 0


def setup() -> None:
    """Bring `.venv` in line with the locks and the packages of this repository."""
    wanted = _checksum()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    _make_venv()
    STAMP.unlink(missing_ok=True)
    print("Installing the requirements into .venv; the first time takes some minutes.", flush=True)
    editable = [word for package in PACKAGES for word in ("--editable", package)]
    # Both packages are built with the setuptools of the lock, so nothing more is downloaded for them.
    packages = ["--no-deps", "--no-build-isolation", *editable]
    if _has_uv():
        _run_uv("pip", "sync", *LOCKS)
        _run_uv("pip", "install", *packages)
    else:
        print("uv could not be installed; pip does it instead.", flush=True)
        _run(PYTHON, "-m", "pip", "install", *(word for lock in LOCKS for word in ("--requirement", lock)))
        _run(PYTHON, "-m", "pip", "install", *packages)
    STAMP.write_text(wanted)


def lock() -> None:
    """Compile requirements.in and requirements-dev.in; the locks name versions only, no index."""
    _make_venv()
    if not _has_uv():
        raise SystemExit("`make lock` needs uv, and pip could not install it into .venv.")
    for name in LOCKS:
        source = Path(name).with_suffix(".in")
        # For every Python 3.11, not just this one: the first ones need packages that later ones do not.
        options = ["--quiet", "--python-version", "3.11", "--no-header", "--no-annotate", "--output-file", name]
        _run_uv("pip", "compile", *options, str(source))


def _checksum() -> str:
    digest = hashlib.sha256(str(ROOT).encode())
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def _make_venv() -> None:
    if not (VENV / "bin" / "pip").exists():
        # The interpreter that runs this, so that `make setup PYTHON=…` decides.
        _run(sys.executable, "-m", "venv", "--clear", VENV)


def _has_uv() -> bool:
    if not UV.exists():
        subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "uv>=0.5"], cwd=ROOT, check=False)  # noqa: S603
    return UV.exists()


def _run(*command: str | Path) -> None:
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603


def _run_uv(*arguments: str) -> None:
    environment = _pip_settings_for_uv() | os.environ | {"VIRTUAL_ENV": str(VENV)}
    # uv leaves lock files in the temporary directory.
    with tempfile.TemporaryDirectory() as scratch:
        environment["TMPDIR"] = scratch
        subprocess.run([UV, *arguments], cwd=ROOT, check=True, env=environment)  # noqa: S603


def _pip_settings_for_uv() -> dict[str, str]:
    """Say pip's settings (files and PIP_… variables) in uv's variables; uv itself reads neither."""
    settings = _pip_settings()
    names = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "trusted-host": "UV_INSECURE_HOST",
        "no-index": "UV_NO_INDEX",
        "cert": "SSL_CERT_FILE",
        "proxy": "ALL_PROXY",
        "timeout": "UV_HTTP_TIMEOUT",
    }
    environment = {names[key]: " ".join(value.split()) for key, value in settings.items() if key in names}
    if "find-links" in settings:
        environment["UV_FIND_LINKS"] = ",".join(settings["find-links"].split())
    if "UV_INDEX" in environment:
        # As pip: the best version of all indexes, not the first index that knows the name.
        environment["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return environment


def _pip_settings() -> dict[str, str]:
    listing = subprocess.run(  # noqa: S603
        [PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    return _strongest(listing.stdout.splitlines())


def _strongest(lines: Iterable[str]) -> dict[str, str]:
    """Read lines such as ``global.index-url='…'``: a variable beats the install section, which beats the global one."""
    ranks = {"global": 0, "install": 1, ":env:": 2}
    found: dict[str, tuple[int, str]] = {}
    for line in lines:
        name, _, value = line.partition("=")
        section, _, key = name.partition(".")
        if section in ranks and ranks[section] >= found.get(key, (-1, ""))[0]:
            found[key] = (ranks[section], str(ast.literal_eval(value)))
    return {key: value for key, (_, value) in found.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
