from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fake_service import service as running


@pytest.fixture(scope="session")
def service():
    with running() as fake:
        yield fake
