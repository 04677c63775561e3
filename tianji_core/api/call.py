"""What plugins may see of a call on its way: who calls, for what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tianji_core.api.provider import Body, Operation


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: what an auth backend made of the credentials.

    `key_hash` is the SHA-256 of the key in hex, never the key. `roles` uses the reference's words (`proxy_admin`,
    `internal_user`, …). `models` limits what may be called; empty means everything the gateway offers.
    """

    key_hash: str | None = None
    key_alias: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    organization_id: str | None = None
    roles: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        """Whose the things are that this caller stores: his user's, else his key's, else his team's."""
        for kind, id in (("user", self.user_id), ("key", self.key_hash), ("team", self.team_id)):
            if id:
                return f"{kind}:{id}"
        return "anonymous"

    @property
    def is_admin(self) -> bool:
        return "proxy_admin" in self.roles


ANONYMOUS = Principal(roles=frozenset({"internal_user"}))
"""Who calls when no master key is set: the reference grants such callers no admin access either."""


class CallView(Protocol):
    """The read-only side of a call that routing strategies and guardrails get."""

    @property
    def id(self) -> str: ...
    @property
    def operation(self) -> Operation: ...
    @property
    def model(self) -> str:
        """The name the client asked for."""

    @property
    def body(self) -> Body:
        """The request in its normal form."""

    @property
    def stream(self) -> bool: ...
    @property
    def principal(self) -> Principal: ...
    @property
    def tags(self) -> tuple[str, ...]: ...
