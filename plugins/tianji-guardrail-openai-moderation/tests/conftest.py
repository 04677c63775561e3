from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fake_moderation import moderation


@pytest.fixture(scope="session")
def service():
    with moderation() as fake:
        yield fake
