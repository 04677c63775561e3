from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tianji_core.testing.json_server import json_server

pytest.importorskip("presidio_analyzer", reason="presidio-analyzer, the real engine, is not installed")
sys.path.insert(0, str(Path(__file__).parent))
from analyzer_service import says


@pytest.fixture(scope="session")
def service():
    with json_server(says) as found:
        yield found
