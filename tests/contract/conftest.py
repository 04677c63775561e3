"""Contract tests: the whole application over ASGI, against scripted vendors on real sockets."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIANJI_INITIAL_RETRY_DELAY", "0.01")
    monkeypatch.setenv("TIANJI_MAX_RETRY_DELAY", "0.02")
    monkeypatch.setenv("TIANJI_JITTER", "0")
