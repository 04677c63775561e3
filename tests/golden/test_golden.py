"""The recorded cases of the reference, replayed against a real gateway process.

A case passes if nothing differs, if only wording or framing does, or if every difference is one that is meant. Those
are listed with their reasons: what concerns one provider in `golden.json` beside the tests of its package, explained
in the package's README; all else in `ignore.json` here, explained in docs/reference/differences.md. Both files have
the form that the replay tool reads too.
"""

from __future__ import annotations

import fnmatch
import functools
import gc
import importlib
import json
import os
import re
import sys
import warnings
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from tianji_core.testing.server import free_port

ROOT = Path(__file__).parents[2]
MEANT = Path(__file__).parent / "ignore.json"
DIFFERENCES = ROOT / "docs" / "reference" / "differences.md"
OF_PROVIDERS = sorted(ROOT.glob("plugins/*/tests/golden.json"))
BAR = 0.95
"""The share of cases that has to pass, of each folder."""
SURFACES = {"gateway", "messages", "responses"}
"""Folders that are not of one provider."""
HARMLESS = {"message", "headers", "framing"}
ABSENT = "<absent>"
NULLS = "Nulls stay nulls"
"""The replay tool can only leave such paths out; here they are compared, but a null may be missing (says_nothing)."""
NAMES = "Members have Google's documented names"
"""The same: here the names are levelled, and all else is compared (levelled)."""
COMPARED = {NULLS, NAMES}
GOOGLES = re.compile(r":(?:generateContent|streamGenerateContent|embedContent|batchEmbedContents)$")
"""Paths of requests in ProtoJSON. What goes to `:predict` is not, nor is what goes to other publishers' models."""
OF_CALLERS = {"args", "parameters", "parametersJsonSchema", "response", "responseJsonSchema", "responseSchema"}
"""Members of Google's with names in them that the caller has chosen."""


def read(path: Path) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = json.loads(path.read_text("utf-8"))
    return found


def meant(block: str) -> list[dict[str, str]]:
    """The entries of all files."""
    return [entry for path in (MEANT, *OF_PROVIDERS) for entry in read(path).get(block, ())]


def folders() -> list[str]:
    """The folders with cases of what exists: the gateway's own, and those of installed providers."""
    golden = os.environ.get("TIANJI_GOLDEN")
    found = sorted(path.name for path in Path(golden, "cases").iterdir()) if golden else []
    later = [entry["case"] for entry in meant("later")]
    installed = entry_points(group="tianji.providers").names
    wanted = {*SURFACES, *installed} - {entry.removesuffix("/*") for entry in later}
    return [name for name in found if name in wanted]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "folder" in metafunc.fixturenames:
        none = pytest.param("", marks=pytest.mark.skip(reason="TIANJI_GOLDEN names no folder with recorded cases"))
        metafunc.parametrize("folder", folders() or [none])


def in_scope(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cases of what this gateway does today."""
    later = [entry["case"] for entry in meant("later")]
    return [c for c in cases if "expect" in c and not any(fnmatch.fnmatchcase(c["_id"], each) for each in later)]


def says_nothing(difference: dict[str, Any]) -> bool:
    """One side has a null where the other has nothing; clients read both alike."""
    sides = [difference["expected"], difference["actual"]]
    return None in sides and ABSENT in sides


def documented(value: Any) -> Any:
    """The value with members in camelCase. A member that is there in both spellings stays there in both."""
    if isinstance(value, list):
        return [documented(each) for each in value]
    if not isinstance(value, dict):
        return value
    named = {}
    for name, each in value.items():
        into = re.sub(r"_([a-z])", lambda found: found[1].upper(), name)
        named[name if into in value else into] = each if into in OF_CALLERS else documented(each)
    return named


def levelled(exchange: dict[str, Any]) -> dict[str, Any]:
    """What was sent and answered, with one spelling for Google's members.

    The reference writes some in snake_case, some in camelCase. Google treats both alike; we send what it documents.
    """
    sent = [
        {**each, "body": documented(each["body"])} if "body" in each and GOOGLES.search(each["path"]) else each
        for each in exchange["upstream_requests"]
    ]
    return {**exchange, "upstream_requests": sent}


@pytest.fixture(scope="module")
def differing(golden_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """By folder and case: what differs and is not meant. All run at once, since cases share gateway processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(golden_folder))
        harness = importlib.import_module("harness")
        upstream = importlib.import_module("upstream")
    # The tool watches for two seconds whether a gateway sends requests of its own while it starts: ours sends none. It
    # breaks streams off half a second after their last event, and gateways may take theirs before they try again.
    harness.quiet = functools.partial(harness.quiet, need=0.15)
    upstream.BREAK_DELAY_S = 0.15
    cases = in_scope(harness.load_cases(golden_folder / "cases", ",".join(f"{name}/*" for name in folders())))
    ignore = harness.Ignore(None)
    ignore.glob = [entry["path"] for entry in meant("global") if entry["reason"] not in COMPARED]
    ignore.per_case = [(entry["case"], entry["path"]) for entry in meant("cases") if entry["reason"] not in COMPARED]
    command = f"{sys.executable} -m tianji_core --config {{config}} --port {{port}}"
    found: dict[str, dict[str, Any]] = {}

    def done(case: dict[str, Any], actual: dict[str, Any]) -> None:
        expected, actual = {**case, "expect": levelled(case["expect"])}, levelled(actual)
        differences = [d for d in harness.compare(expected, actual, ignore) if d["class"] not in HARMLESS]
        folder, _, name = case["_id"].partition("/")
        found.setdefault(folder, {})[name] = [d for d in differences if not says_nothing(d)]

    log = tmp_path_factory.mktemp("golden") / "gateway.log"
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore", ResourceWarning)  # the tool leaves its log to the garbage collector
        for name, seconds in (("INITIAL_RETRY_DELAY", "0.02"), ("MAX_RETRY_DELAY", "0.05"), ("JITTER", "0")):
            patch.setenv(f"TIANJI_{name}", seconds)
        harness.run_all(cases, command, free_port(), free_port(), log, 60, done)
        gc.collect()
    return found


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_the_reference_is_matched(differing: dict[str, dict[str, Any]], folder: str) -> None:
    cases = differing[folder]
    different = {name: differences for name, differences in cases.items() if differences}
    share = 1 - len(different) / len(cases)
    print(f"{folder}: {share:.1%} of {len(cases)} cases; differing: {sorted(different)}")
    assert share >= BAR, json.dumps(different, indent=1)[:20_000]


def test_only_names_of_googles_are_levelled() -> None:
    schema = {"properties": {"first_name": {"type": "string"}}}
    body = {
        "contents": [{"parts": [{"function_call": {"name": "f", "args": {"a_b": 1}}}]}],
        "tools": [{"function_declarations": [{"parameters": schema}]}],
        "generationConfig": {"response_json_schema": schema, "top_p": 1, "topP": 1},
    }
    google, other = {"path": "/v1/models/m:generateContent", "body": body}, {"path": "/v1/chat", "body": body}
    assert levelled({"upstream_requests": [google, other], "response": {"a_b": 1}}) == {
        "upstream_requests": [
            {
                "path": "/v1/models/m:generateContent",
                "body": {
                    "contents": [{"parts": [{"functionCall": {"name": "f", "args": {"a_b": 1}}}]}],
                    "tools": [{"functionDeclarations": [{"parameters": schema}]}],
                    "generationConfig": {"responseJsonSchema": schema, "top_p": 1, "topP": 1},
                },
            },
            other,
        ],
        "response": {"a_b": 1},
    }


def explained() -> Iterator[tuple[Path, Path]]:
    """Each list, and the page that has to explain its reasons."""
    yield MEANT, DIFFERENCES
    for path in OF_PROVIDERS:
        yield path, path.parents[1] / "README.md"


@pytest.mark.parametrize(("path", "page"), list(explained()), ids=lambda path: path.parent.parent.name)
def test_every_meant_difference_is_explained(path: Path, page: Path) -> None:
    text = page.read_text("utf-8") + DIFFERENCES.read_text("utf-8")
    reasons = {entry["reason"] for block in ("global", "cases") for entry in read(path).get(block, ())}
    assert not [reason for reason in sorted(reasons) if f"| {reason} |" not in text]


@pytest.mark.parametrize("path", OF_PROVIDERS, ids=lambda path: path.parents[1].name)
def test_a_package_speaks_of_its_own_cases_only(path: Path) -> None:
    own = path.parents[1].name.removeprefix("tianji-provider-").replace("-", "_")
    assert read(path).keys() <= {"cases", "later"}
    for block in read(path).values():
        assert all(entry["case"].partition("/")[0] == own for entry in block)
