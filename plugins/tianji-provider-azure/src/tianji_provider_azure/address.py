"""Where a resource answers: dated deployments, or the v1 API.

Sources: Azure OpenAI REST API reference (`/openai/deployments/{deployment}/…?api-version=…`), "Azure OpenAI in
Microsoft Foundry Models v1 API" (`/openai/v1/…`, the deployment in the body), "Use the GPT Realtime API via WebSockets"
(`/openai/realtime?api-version=…&deployment=…`, `/openai/v1/realtime?model=…`).
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode

from tianji_core.api.errors import BadRequestError
from tianji_core.openai_compat.provider import PATHS
from tianji_core.translate.urls import below, websocket_url

DEFAULT_VERSION = "2025-02-01-preview"
UNDATED = frozenset({"v1", "latest", "preview"})
V1 = "/openai/v1"
DEPLOYMENTS = "/openai/deployments/"
RELAY = "://gateway.ai.cloudflare.com/"
"""Cloudflare's gateway has resource and deployment in its own path."""


@dataclass(frozen=True, slots=True)
class Address:
    """A resource's address. `date` is that of its API version, empty for the v1 API, which has none."""

    root: str
    date: str
    query: str
    fixed: bool = False
    """Whether `root` names the deployment already."""

    @property
    def dated(self) -> bool:
        return bool(self.date)

    def before(self, date: str) -> bool:
        """Whether the API version is older than this date."""
        return self.dated and self.date[:10] < date

    def url(self, deployment: str, path: str) -> str:
        """The address of an operation. Raises BadRequestError for a deployment that cannot be one."""
        if not self.dated or self.fixed:
            return f"{self.root}{path}{self.query}"
        if deployment in ("", ".", ".."):
            raise BadRequestError(f"{deployment!r} is no deployment.", param="model")
        return f"{self.root}{quote(deployment, safe='')}{path}{self.query}"

    @property
    def responses(self) -> str:
        """The address of the Responses API, which belongs to the resource: the body names the deployment."""
        if not self.dated:
            return f"{self.root}/responses{self.query}"
        resource, found, _ = self.root.partition(DEPLOYMENTS)
        return f"{resource}/openai/responses{self.query}" if found else f"{self.root}responses{self.query}"

    def pass_through(self, path: str, query: str) -> str:
        """Where a path of the resource's own API is, with the API version where that needs one and `query` has none."""
        resource, _, rest = self.root.partition("/openai/")
        url = below(f"{resource}/openai" if rest else resource, path)
        named = dict(parse_qsl(self.query[1:]))
        if "/openai/v1/" not in f"{url}/":
            named.setdefault("api-version", DEFAULT_VERSION)
        elif self.dated:
            del named["api-version"]
        given = dict(parse_qsl(query, keep_blank_values=True))
        return url + _query({name: value for name, value in named.items() if name not in given})

    def realtime(self, deployment: str, intent: str | None) -> str:
        """The address of realtime sessions, which belongs to the resource too. Sessions that only transcribe name their
        deployment themselves.
        """
        if not self.dated:
            named = {"intent": intent} if intent else {"model": deployment}
            return websocket_url(f"{self.root}/realtime{self.query}", named)
        resource, found, fixed = self.root.partition(DEPLOYMENTS)
        root = f"{resource}/openai/realtime" if found else f"{self.root}realtime"
        named = {"intent": intent} if intent else {"deployment": fixed.strip("/") or deployment}
        return websocket_url(f"{root}{self.query}", named)


def address_of(base: str, version: str | None) -> Address:
    """The address that an api_base stands for: a resource, a deployment, an operation's full address, or `…/openai/v1`.

    An `api-version` in its query wins over `version`.
    """
    base, _, query = base.partition("?")
    named = dict(parse_qsl(query))
    version = named.pop("api-version", None) or version or DEFAULT_VERSION
    base = base.rstrip("/")
    for path in PATHS.values():
        base = base.removesuffix(path)
    if base.endswith(V1) or version in UNDATED:
        root = base.removesuffix(V1).removesuffix("/openai")
        if version == "preview":
            named["api-version"] = version
        return Address(root + V1, "", _query(named))
    named["api-version"] = version
    if RELAY in base:
        return Address(f"{base}/", version, _query(named))
    resource, found, deployment = base.partition(DEPLOYMENTS)
    if found and deployment:
        return Address(base, version, _query(named), fixed=True)
    return Address(
        resource.removesuffix("/openai/deployments").removesuffix("/openai") + DEPLOYMENTS, version, _query(named)
    )


def _query(named: dict[str, str]) -> str:
    return f"?{urlencode(named)}" if named else ""
