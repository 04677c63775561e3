"""Secrets in the database: sealed with a key that only the gateway's surroundings know."""

from __future__ import annotations

import base64
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tianji_core.config import Loaded, Settings

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

MARK = "sealed:"
"""How a sealed text begins in the database."""
_PURPOSE = b"tianji secrets in the database, 1"


class UnsealableError(Exception):
    """A secret cannot be read: the key is another one than it was sealed with."""


class Seal:
    """Seals and opens texts (Fernet: AES-128-CBC with HMAC-SHA-256), with a key made of `salt_key` by HKDF."""

    def __init__(self, salt_key: str) -> None:
        self._salt_key = salt_key

    def close(self, value: Any) -> Any:
        """A value with all texts in it sealed: which of them are secrets, only the vendor knows."""
        if isinstance(value, dict):
            return {name: self.close(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.close(each) for each in value]
        if isinstance(value, str):
            return MARK + self._fernet.encrypt(value.encode()).decode()
        return value

    def open(self, value: Any) -> Any:
        """The value as it was. Raises UnsealableError."""
        from cryptography.fernet import InvalidToken

        if isinstance(value, dict):
            return {name: self.open(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.open(each) for each in value]
        if isinstance(value, str) and value.startswith(MARK):
            try:
                return self._fernet.decrypt(value[len(MARK) :].encode()).decode()
            except InvalidToken:
                raise UnsealableError("it was sealed with another salt key") from None
        return value

    @cached_property
    def _fernet(self) -> Fernet:
        from cryptography.fernet import Fernet
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        key = HKDF(SHA256(), length=32, salt=None, info=_PURPOSE).derive(self._salt_key.encode())
        return Fernet(base64.urlsafe_b64encode(key))


def seal_of(loaded: Loaded) -> Seal | None:
    """What seals the secrets of stored rows: made of the salt key, else of the master key; None without either."""
    settings = Settings.read(loaded.environ)
    key = settings.salt_key or loaded.config.general_settings.master_key or settings.master_key
    return Seal(str(key)) if key else None
