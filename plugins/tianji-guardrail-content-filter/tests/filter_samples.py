"""What all tests of the filter need."""

from __future__ import annotations

import asyncio

from tianji_core.api.guardrail import ALLOW, Payload
from tianji_core.testing.standard import SampleCall
from tianji_guardrail_content_filter import ContentFilter, ContentFilterSettings
from tianji_guardrail_content_filter.prebuilt import PREBUILT

ALL = [{"pattern_type": "prebuilt", "pattern_name": name, "action": "MASK"} for name in PREBUILT]


def made(**settings):
    return ContentFilter(ContentFilterSettings(guardrail="litellm_content_filter", **settings))


def check(guardrail, text, stage="pre_call"):
    body = {"messages": [{"role": "user", "content": text}]}
    return asyncio.run(guardrail.check(stage, Payload(SampleCall(body=body), body)))


def masked(guardrail, text):
    verdict = check(guardrail, text)
    return text if verdict == ALLOW else verdict.body["messages"][0]["content"]
