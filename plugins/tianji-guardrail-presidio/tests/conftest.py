from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tianji_core.testing.json_server import json_server

sys.path.insert(0, str(Path(__file__).parent))


class WithoutEngine(pytest.Module):
    """A file of tests that cannot run."""

    def collect(self):
        pytest.skip("presidio-analyzer, the real engine, is not installed", allow_module_level=True)


def pytest_pycollect_makemodule(module_path, parent):
    return WithoutEngine.from_parent(parent, path=module_path) if find_spec("presidio_analyzer") is None else None


@pytest.fixture(scope="session")
def service():
    from analyzer_service import says  # imports the engine

    with json_server(says) as found:
        yield found


def pytest_configure(config):
    config.addinivalue_line("markers", "timeout(seconds): of pytest-timeout, where that is installed")
