"""A service of the generic API: `darn` is blocked, `Ann` is masked."""

from __future__ import annotations

import pytest

from tianji_core.testing.json_server import json_server


def says(body):
    if any("darn" in text for text in body["texts"]):
        return {"action": "BLOCKED", "blocked_reason": "No swearing."}
    if any("Ann" in text for text in body["texts"]):
        return {"action": "GUARDRAIL_INTERVENED", "texts": [text.replace("Ann", "<PERSON>") for text in body["texts"]]}
    return {"action": "NONE"}


@pytest.fixture(scope="session")
def service():
    with json_server(says) as found:
        yield found
