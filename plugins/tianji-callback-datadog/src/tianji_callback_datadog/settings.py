"""What the config and the environment say about Datadog; the variables are those that LiteLLM has."""

from __future__ import annotations

import re
import socket

from pydantic import Field

from tianji_core.api.callback import CallbackSettings
from tianji_core.telemetry.sender import HttpSender

SITE = "datadoghq.com"
MOST = 1000
"""Logs that Datadog takes in one request."""
AGENT_PORT = "10518"


class DatadogSettings(CallbackSettings):
    """The keys of `callback_settings.datadog`, and its kin. Durations are seconds."""

    dd_api_key: str | None = Field(None, repr=False, description="Else DD_API_KEY")
    dd_site: str | None = Field(None, description=f"Else DD_SITE [{SITE}]")
    dd_base_url: str | None = Field(None, description="In place of the site's own addresses; else DD_BASE_URL")
    dd_agent_host: str | None = Field(
        None, description="An agent that takes logs, and needs no key; else LITELLM_DD_AGENT_HOST"
    )
    dd_agent_port: int | None = Field(None, description=f"Else LITELLM_DD_AGENT_PORT [{AGENT_PORT}]")
    source: str | None = Field(None, description="Else DD_SOURCE [litellm]")
    service: str | None = Field(None, description="Also the LLM application; else DD_SERVICE [litellm-server]")
    env_name: str | None = Field(None, description="Else DD_ENV [unknown]")
    version: str | None = Field(None, description="Else DD_VERSION [unknown]")
    hostname: str | None = Field(None, description="Else HOSTNAME, or what the machine is called")
    pod_name: str | None = Field(None, description="Else POD_NAME [unknown]")
    message_logging: bool = Field(True, description="Whether prompts and answers are in logs and spans")
    batch_size: int | None = Field(None, ge=1, le=MOST, description=f"Else DD_BATCH_SIZE [{MOST}]")
    flush_interval: float = Field(5.0, gt=0, description="Seconds that a call waits for company")
    timeout: float = Field(10.0, gt=0, description="Seconds that one request may take")


class Origin:
    """Where the data goes, and how it is called there. Raises ValueError for what cannot be used."""

    def __init__(self, settings: DatadogSettings) -> None:
        env = settings.env
        self._settings = settings
        self._site = settings.dd_site or env("DD_SITE") or SITE
        if re.fullmatch(r"[A-Za-z0-9.-]+", self._site) is None:
            raise ValueError("dd_site has to be a host's name, such as datadoghq.eu")
        base = settings.dd_base_url or env("DD_BASE_URL")
        self._base = base.rstrip("/") if base else None
        self.source = settings.source or env("DD_SOURCE") or "litellm"
        self.service = settings.service or env("DD_SERVICE") or "litellm-server"
        self.env = settings.env_name or env("DD_ENV") or "unknown"
        self.version = settings.version or env("DD_VERSION") or "unknown"
        self.hostname = settings.hostname or env("HOSTNAME") or socket.gethostname()
        self.pod = settings.pod_name or env("POD_NAME") or "unknown"
        self.tags = (
            f"env:{self.env}",
            f"service:{self.service}",
            f"version:{self.version}",
            f"HOSTNAME:{self.hostname}",
            f"POD_NAME:{self.pod}",
        )
        try:
            told = settings.batch_size or int(env("DD_BATCH_SIZE") or MOST)
        except ValueError:
            raise ValueError("DD_BATCH_SIZE has to be a number") from None
        self.batch_size = max(1, min(told, MOST))

    def logs(self) -> HttpSender:
        """To the logs' intake, or an agent."""
        host = self._settings.dd_agent_host or self._settings.env("LITELLM_DD_AGENT_HOST")
        if host:
            port = self._settings.dd_agent_port or self._settings.env("LITELLM_DD_AGENT_PORT") or AGENT_PORT
            return self._sender(f"http://{host}:{port}/api/v2/logs", key=False)
        return self._sender(self._address("http-intake.logs", "/api/v2/logs"))

    def api(self, path: str) -> HttpSender:
        """To the API."""
        return self._sender(self._address("api", path))

    def _address(self, host: str, path: str) -> str:
        return (self._base if self._base is not None else f"https://{host}.{self._site}") + path

    def _sender(self, url: str, *, key: bool = True) -> HttpSender:
        fields = {"content-type": "application/json"}
        found = self._settings.dd_api_key or self._settings.env("DD_API_KEY")
        if found:
            fields["dd-api-key"] = found
        elif key:
            raise ValueError("datadog needs a key: set `dd_api_key` or the variable DD_API_KEY")
        return HttpSender(url, fields, timeout=self._settings.timeout, compress=True)
