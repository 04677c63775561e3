from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("presidio_analyzer", reason="presidio-analyzer, the real engine, is not installed")
sys.path.insert(0, str(Path(__file__).parent))
from analyzer_service import running


@pytest.fixture(scope="session")
def service():
    with running() as found:
        yield found
