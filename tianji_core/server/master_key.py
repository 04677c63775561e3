"""Whether a master key is one that may face the world."""

from __future__ import annotations

MIN_LENGTH = 16
MIN_DISTINCT = 8
_KNOWN = ("sk-1234", "sk-12345", "sk-123456", "sk-master", "sk-test", "master", "secret", "password", "changeme")


def weakness(key: str | None) -> str | None:
    """Why a master key must not guard a public address, in one sentence; None if it may."""
    if not key:
        return "No master key is set: everybody who reaches the gateway may use it."
    text = key.removeprefix("sk-").lower()
    if key.lower() in _KNOWN or text in _KNOWN:
        return "The master key is a publicly known one."
    if len(text) < MIN_LENGTH or len(set(text)) < MIN_DISTINCT:
        return f"The master key is weak: it needs at least {MIN_LENGTH} characters, not too many of them alike."
    return None
