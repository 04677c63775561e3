"""The auth contract: from credentials to a principal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from tianji_core.api.call import Principal
from tianji_core.api.http import Headers


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request brings along to say who sends it.

    `key` is the key found at the first of: the configured key header, `x-litellm-api-key`, `Authorization: Bearer`
    (or `Basic`), `api-key`, `x-api-key`, `x-goog-api-key`, `Ocp-Apim-Subscription-Key`; None if there is none.
    """

    key: str | None = field(repr=False)
    headers: Headers = field(repr=False)
    method: str = "POST"
    path: str = "/"
    client: str | None = None
    """Address of the peer, as the server saw it."""


class AuthBackend(ABC):
    """One way of knowing callers. The gateway asks its backends in the order of the config; the first answer counts."""

    @abstractmethod
    async def authenticate(self, credentials: Credentials) -> Principal | None:
        """Who this is; None if this backend cannot say.

        Raises AuthenticationError or PermissionDeniedError for credentials that are this backend's and not good:
        then no other backend is asked.
        """

    async def aclose(self) -> None:
        """Give back what was opened."""
