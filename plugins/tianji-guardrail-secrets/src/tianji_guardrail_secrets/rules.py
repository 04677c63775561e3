"""What credentials look like: the rules of detect-secrets, and further ones. All run in linear time, by RE2."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection, Iterator
from functools import cache
from typing import Any, Final, NamedTuple

import re2


class Rule(NamedTuple):
    """A kind of credential. Where the pattern has a group, that is the credential; otherwise all of it is."""

    name: str
    pattern: str


OURS: Final = (
    Rule(
        "PrivateKey",
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[^-]*"
        r"(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----)?",
    ),
    Rule("OpenAI", r"\bsk-(?:proj-|svcacct-|admin-|None-)?[A-Za-z0-9_-]{32,}"),
    Rule("Anthropic", r"\bsk-ant-[A-Za-z0-9_-]{24,}"),
    Rule("OpenRouter", r"\bsk-or-v1-[0-9a-f]{48,}"),
    Rule("Groq", r"\bgsk_[A-Za-z0-9]{40,}"),
    Rule("XAI", r"\bxai-[A-Za-z0-9]{60,}"),
    Rule("Perplexity", r"\bpplx-[A-Za-z0-9]{40,}"),
    Rule("Replicate", r"\br8_[A-Za-z0-9]{37}"),
    Rule("HuggingFace", r"\bhf_[A-Za-z0-9]{30,}"),
    Rule("GoogleAPIKey", r"\bAIza[0-9A-Za-z_-]{35}"),
    Rule("GoogleOAuth", r"\bya29\.[0-9A-Za-z_-]{30,}|\bGOCSPX-[0-9A-Za-z_-]{28}"),
    Rule("AWSAccessKey", r"\b(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}\b"),
    Rule(
        "AWSSecretKey", r"(?i)aws.{0,50}?key.{0,20}?[=:\s'\"]+([0-9A-Za-z/+]{40})(?:[^0-9A-Za-z/+]|$)"
    ),
    Rule("AzureStorageKey", r"AccountKey=([A-Za-z0-9+/=]{60,})"),
    Rule("GitHub", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})"),
    Rule(
        "GitLab",
        r"\b(?:(?:glpat|gldt|glft|glsoat|glrt|glcbt|glptt|glagent|gloas|glimt)-|GR1348941)[A-Za-z0-9_-]{20,}",
    ),
    Rule("Slack", r"\bxox[a-z]-[0-9A-Za-z-]{10,}|\bxapp-\d-[0-9A-Za-z-]{20,}"),
    Rule("SlackWebhook", r"https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9_/]{20,}"),
    Rule("Stripe", r"\b(?:sk|rk)_(?:live|test)_[0-9A-Za-z]{20,}|\bwhsec_[0-9A-Za-z]{24,}"),
    Rule("NPM", r"\bnpm_[A-Za-z0-9]{36}"),
    Rule("PyPI", r"\bpypi-[A-Za-z0-9_-]{60,}"),
    Rule("DockerHub", r"\bdckr_pat_[A-Za-z0-9_-]{20,}"),
    Rule("DigitalOcean", r"\bdo[opr]_v1_[0-9a-f]{64}"),
    Rule("SendGrid", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{30,}"),
    Rule("Telegram", r"\b\d{8,10}:[0-9A-Za-z_-]{35}"),
    Rule("Databricks", r"\bdapi[0-9a-f]{32}"),
    Rule("Linear", r"\blin_api_[A-Za-z0-9]{32,}"),
    Rule("Notion", r"\b(?:secret_[A-Za-z0-9]{43}|ntn_[A-Za-z0-9]{40,})"),
    Rule("Shopify", r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    Rule("JWT", r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    Rule("BearerToken", r"(?i)\bbearer\s+([A-Za-z0-9_.~+/-]{24,}=*)"),
    Rule("BasicAuth", r"://[^\s:/?#\[\]@!$&'()*+,;=\"]+:([^\s:/?#\[\]@!$&'()*+,;=\"]{3,})@"),
    Rule(
        "Password",
        r"(?i)\b(?:password|passwd|pwd|secret|api[_-]?key|access[_-]?token|auth[_-]?token|client[_-]?secret)"
        r"['\"]?\s*(?::=|=>|=|:)\s*['\"]([^\s'\"]{8,})['\"]",
    ),
)  # fmt: skip
"""Keys of model vendors, of clouds and of what developers use."""

_NOT_OF_THEIRS = frozenset({"BasicAuthDetector", "KeywordDetector", "PrivateKeyDetector", "JwtTokenDetector"})
"""Detectors of detect-secrets in whose place ours are, or that would take too many other things for secrets."""


def rules(wanted: Collection[str] | None = None) -> list[Rule]:
    """All rules, or those of these names: ours, and those of detect-secrets' detectors such as `SlackDetector`."""
    found = [*OURS, *_theirs()]
    if wanted is None:
        return found
    return [rule for rule in found if rule.name in wanted]


@cache
def _theirs() -> tuple[Rule, ...]:
    return tuple(_found())


def _found() -> Iterator[Rule]:
    """The patterns of detect-secrets that RE2 takes; those with look-arounds it does not."""
    package = importlib.import_module("detect_secrets.plugins")
    for module in pkgutil.iter_modules(package.__path__):
        loaded = importlib.import_module(f"{package.__name__}.{module.name}")
        for name, kind in vars(loaded).items():
            if not isinstance(kind, type) or kind.__module__ != loaded.__name__ or name in _NOT_OF_THEIRS:
                continue
            patterns: Any = getattr(kind, "denylist", None)
            if isinstance(patterns, (list, tuple)):
                for pattern in patterns:
                    text = ("(?i)" if pattern.flags & 2 else "") + pattern.pattern
                    if compiled(text) is not None:
                        yield Rule(name, text)


def compiled(pattern: str) -> Any:
    """The pattern over UTF-8, or None if RE2 does not take it."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = False
    try:
        return re2.compile(pattern.encode(), options)
    except re2.error:
        return None
