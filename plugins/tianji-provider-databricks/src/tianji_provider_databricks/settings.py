"""What a deployment at Databricks may say beside the key, and where its workspace is."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import Field

from tianji_core.api.provider import ProviderSettings

SERVING = "/serving-endpoints"


class DatabricksSettings(ProviderSettings):
    """The keys of `litellm_params` that Databricks knows."""

    client_id: str | None = Field(None, description="A service principal's id; else DATABRICKS_CLIENT_ID")
    client_secret: str | None = Field(
        None, repr=False, description="The service principal's OAuth secret; else DATABRICKS_CLIENT_SECRET"
    )


class Client(NamedTuple):
    """A service principal."""

    id: str
    secret: str


def client_of(settings: ProviderSettings) -> Client | None:
    """The service principal to get tokens for; None where a key is set in the row, or where there is none."""
    if settings.api_key:
        return None
    ident = getattr(settings, "client_id", None) or settings.env("DATABRICKS_CLIENT_ID")
    secret = getattr(settings, "client_secret", None) or settings.env("DATABRICKS_CLIENT_SECRET")
    return Client(ident, secret) if ident and secret else None


def serving_base(address: str) -> str:
    """The base URL of model serving, from what people write: a host, a workspace's URL, or the base itself."""
    address = address if "://" in address else f"https://{address}"
    return address.rstrip("/") if urlsplit(address).path.strip("/") else address.rstrip("/") + SERVING
