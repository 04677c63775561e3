"""The recorded cases of the reference, replayed against a real gateway process.

A case passes if nothing differs, if only wording or framing does, or if every difference is one that is meant:
ignore.json lists those, each with its reason, in the form that the replay tool reads too. At least 97 of 100 cases have
to pass, and every reason has to be explained in the documentation.
"""

from __future__ import annotations

import fnmatch
import importlib
import json
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

MEANT = Path(__file__).parent / "ignore.json"
DIFFERENCES = Path(__file__).parents[2] / "docs" / "reference" / "differences.md"
SELECTED = "openai/*,groq/*,anthropic/*,gateway/*"
BAR = 0.97
HARMLESS = {"message", "headers", "framing"}
ABSENT = "<absent>"
NULLS = "Nulls stay nulls"
"""The replay tool can only leave such paths out; here they are compared, but a null may be missing (says_nothing)."""


@pytest.fixture
def harness(golden_folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(golden_folder))
    return importlib.import_module("harness")


def meant() -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = json.loads(MEANT.read_text("utf-8"))
    return found


def in_scope(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cases of what this gateway does today."""
    later = [entry["case"] for entry in meant()["later"]]
    return [c for c in cases if "expect" in c and not any(fnmatch.fnmatchcase(c["_id"], each) for each in later)]


def says_nothing(difference: dict[str, Any]) -> bool:
    """One side has a null where the other has nothing; clients read both alike."""
    return {None, ABSENT} == {difference["expected"], difference["actual"]}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.e2e
@pytest.mark.timeout(200)
def test_the_reference_is_matched(harness: ModuleType, golden_folder: Path, tmp_path: Path) -> None:
    cases = in_scope(harness.load_cases(golden_folder / "cases", SELECTED))
    ignore = harness.Ignore(None)
    ignore.glob = [entry["path"] for entry in meant()["global"] if entry["reason"] != NULLS]
    ignore.per_case = [(entry["case"], entry["path"]) for entry in meant()["cases"]]
    command = f"{sys.executable} -m tianji_core --config {{config}} --port {{port}}"
    differing: dict[str, list[dict[str, Any]]] = {}

    def done(case: dict[str, Any], actual: dict[str, Any]) -> None:
        found = [d for d in harness.compare(case, actual, ignore) if d["class"] not in HARMLESS]
        found = [d for d in found if not _hashable(d) or not says_nothing(d)]
        if found:
            differing[case["_id"]] = found

    harness.run_all(cases, command, free_port(), free_port(), tmp_path / "gateway.log", 30, done)
    share = 1 - len(differing) / len(cases)
    assert share >= BAR, f"{share:.1%} of {len(cases)} cases: {json.dumps(differing, indent=1)[:8000]}"
    print(f"{share:.1%} of {len(cases)} cases; differing: {sorted(differing)}")


def _hashable(difference: dict[str, Any]) -> bool:
    return not any(isinstance(difference[side], (dict, list)) for side in ("expected", "actual"))


def test_every_meant_difference_is_explained() -> None:
    text = DIFFERENCES.read_text("utf-8")
    reasons = {entry["reason"] for block in ("global", "cases") for entry in meant()[block]}
    assert not [reason for reason in sorted(reasons) if f"| {reason} |" not in text]
