"""Running a kit's tests by hand, to see that they fail where they should."""

from collections.abc import Callable

import pytest


def _runs(cls: type, name: str) -> list[Callable[[], None]]:
    """One callable for each case of a standard test."""
    marks = getattr(getattr(cls, name), "pytestmark", [])
    cases = [mark.args[1] for mark in marks if mark.name == "parametrize"]
    if not cases:
        return [getattr(cls(), name)]
    return [lambda case=case: getattr(cls(), name)(case) for case in cases[0]]


@pytest.fixture
def failures() -> Callable[..., set[str]]:
    """`failures(cls, *names)`: which of these standard tests (of all, without names) do not pass; skipped ones do."""

    def run(cls: type, *names: str) -> set[str]:
        failed = set()
        for name in names or [name for name in dir(cls) if name.startswith("test_")]:
            for one in _runs(cls, name):
                try:
                    one()
                except pytest.skip.Exception:
                    pass
                except Exception:
                    failed.add(name)
        return failed

    return run
