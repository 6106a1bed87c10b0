"""Every operation the SDK is known to send is driven, and its answer and lasting effect asserted, by a test here."""

from __future__ import annotations

import ast
from pathlib import Path

HERE = Path(__file__).parent


def test_every_recorded_operation_is_checked_by_a_test_of_this_directory() -> None:
    checked = {
        argument.value
        for path in HERE.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "line.check"
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }
    recorded = set((HERE / "recorded.txt").read_text().splitlines())
    assert recorded - checked == set()
