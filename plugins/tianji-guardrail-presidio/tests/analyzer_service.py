"""The REST API of Presidio's analyzer around the real engine: its pattern recognizers, which need no language model.

The package on PyPI has the engine without the server; this speaks what the server speaks.
"""

from __future__ import annotations

from typing import Any

from presidio_analyzer import PatternRecognizer

from tianji_guardrail_presidio.local import engine


def says(body: Any) -> Any:
    """What the server answers to a request."""
    ad_hoc = [PatternRecognizer.from_dict(each) for each in body.get("ad_hoc_recognizers") or ()]
    found = engine("en", None).analyze(
        text=body["text"], language="en", entities=body.get("entities"), ad_hoc_recognizers=ad_hoc or None
    )
    kept = ("start", "end", "entity_type", "score")
    return [{name: value for name, value in each.to_dict().items() if name in kept} for each in found]
