"""A service that speaks the moderation API: whatever names a category is flagged for it."""

from __future__ import annotations

import json

import pytest

from tianji_core.testing.json_server import json_server

CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip


def result(given):
    said = json.dumps(given)
    scores = {name: 0.9 if name in said.lower() else 0.01 for name in CATEGORIES}
    flags = {name: score > 0.5 for name, score in scores.items()}
    return {
        "flagged": any(flags.values()),
        "categories": flags,
        "category_scores": scores,
        "category_applied_input_types": {name: ["text"] for name in CATEGORIES},
    }


def says(body):
    given = body["input"] if isinstance(body["input"], list) else [body["input"]]
    return {"id": "modr-1", "model": body["model"], "results": [result(each) for each in given]}


@pytest.fixture(scope="session")
def judged():
    """The result for one input, as the service gives it."""
    return result


@pytest.fixture(scope="session")
def service():
    with json_server(says) as found:
        yield found
