"""The recorded cases of the reference: their folder comes from the environment variable TIANJI_GOLDEN."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def golden_folder() -> Path:
    """The folder with cases, harness and fake upstream; skips where there is none."""
    folder = os.environ.get("TIANJI_GOLDEN")
    if not folder or not Path(folder, "harness.py").is_file():
        pytest.skip("TIANJI_GOLDEN names no folder with recorded cases")
    return Path(folder)
