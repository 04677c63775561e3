"""The rules of detect-secrets: its patterns, compiled once. Its own scan reads files, line by line."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from tianji_guardrail_secrets.rule import Rule, compiled

_OURS_INSTEAD: Final = frozenset(
    ("ArtifactoryDetector", "AWSKeyDetector", "BasicAuthDetector", "GitHubTokenDetector", "IPPublicDetector",
     "JwtTokenDetector", "KeywordDetector", "NpmDetector", "PrivateKeyDetector")
)  # fmt: skip
"""Detectors in whose place ours are: theirs take the quotes around a credential with it, only the first line of a key,
or what is no credential at all."""


@cache
def theirs() -> tuple[Rule, ...]:
    """What RE2 takes of them. Those with look-arounds, for GitLab, IBM and others, have rules of ours."""
    return tuple(_found())


def _found() -> Iterator[Rule]:
    package = importlib.import_module("detect_secrets.plugins")
    for module in pkgutil.iter_modules(package.__path__):
        loaded = importlib.import_module(f"{package.__name__}.{module.name}")
        for name, kind in vars(loaded).items():
            if not isinstance(kind, type) or kind.__module__ != loaded.__name__ or name in _OURS_INSTEAD:
                continue
            patterns: Any = getattr(kind, "denylist", None)
            for pattern in patterns if isinstance(patterns, (list, tuple)) else ():
                # From the start of a word: counting from every letter on costs a second for each megabyte of base64.
                text = ("(?i)" if pattern.flags & re.IGNORECASE else "") + rf"\b(?:{pattern.pattern})"
                if compiled(text) is not None:
                    yield Rule(name, text)
