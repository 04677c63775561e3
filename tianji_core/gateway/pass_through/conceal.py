"""Secrets taken out of an error answer while it goes by: some vendors echo the key they refuse."""

from __future__ import annotations

from collections.abc import Iterable

HIDDEN = b"***"


class Concealer:
    """Replaces secrets in bytes that are cut anywhere. Held back is only what may be the beginning of one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = [secret.encode() for secret in secrets]
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What may go out now."""
        data = self._held + data
        for secret in self._secrets:
            data = data.replace(secret, HIDDEN)
        held = max((_overhang(data, secret) for secret in self._secrets), default=0)
        self._held = data[len(data) - held :]
        return data[: len(data) - held]

    def finish(self) -> bytes:
        """What was held back, and is no secret after all."""
        held, self._held = self._held, b""
        return held


def _overhang(data: bytes, secret: bytes) -> int:
    """How many bytes at the end of `data` are the beginning of `secret`."""
    for size in range(min(len(secret) - 1, len(data)), 0, -1):
        if data.endswith(secret[:size]):
            return size
    return 0
