"""Where alerts go, each in its own shape."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

from tianji_callback_alerting.alert import Alert
from tianji_callback_alerting.settings import AlertingSettings, as_text
from tianji_core.api.callback import DeliveryError
from tianji_core.api.standard_json import any_json
from tianji_core.telemetry.sender import HttpSender

PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
_JSON = {"content-type": "application/json"}
_MOST = 3_000
"""Characters of a message: Slack takes 4,000 of them, Discord 2,000 for a text and 4,096 for an embed."""


def title_of(alert: Alert) -> str:
    return alert.kind.replace("_", " ").capitalize()


def lines_of(alert: Alert) -> list[str]:
    """What the fields say, a line each."""
    return [f"{name}: {_shown(value)}" for name, value in alert.fields.items() if value is not None]


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {as_text(each)}" for name, each in value.items()) or "none"
    return as_text(value)


class Channel(ABC):
    """One place."""

    name: str

    @abstractmethod
    async def send(self, alert: Alert) -> None:
        """Raises DeliveryError."""

    async def aclose(self) -> None:
        """Give back what was opened."""


class HttpChannel(Channel):
    """One that takes JSON."""

    def __init__(self, name: str, url: str) -> None:
        """Raises ValueError for an address that cannot be used."""
        self.name = name
        self._sender = HttpSender(url, _JSON, timeout=10.0)

    async def send(self, alert: Alert) -> None:
        await self._sender.post(any_json(self.body(alert)))

    @abstractmethod
    def body(self, alert: Alert) -> Any:
        """The JSON."""

    async def aclose(self) -> None:
        await self._sender.aclose()


class Slack(HttpChannel):
    """An incoming webhook (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/)."""

    def body(self, alert: Alert) -> Any:
        text = "\n".join([f"*{title_of(alert)}* ({alert.level})", alert.message, *lines_of(alert)])
        # These three characters begin what Slack takes for links and mentions.
        for plain, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = text.replace(plain, written)
        return {"text": text[:_MOST]}


class Teams(HttpChannel):
    """A workflow's webhook, with an Adaptive Card (https://learn.microsoft.com/power-automate/teams/)."""

    def body(self, alert: Alert) -> Any:
        color = {"critical": "Attention", "warning": "Warning", "info": "Accent"}[alert.level]
        facts = [{"title": name, "value": _shown(value)[:500]} for name, value in alert.fields.items()]
        blocks: list[Any] = [
            {"type": "TextBlock", "text": title_of(alert), "weight": "Bolder", "size": "Medium", "color": color},
            {"type": "TextBlock", "text": alert.message[:_MOST], "wrap": True},
        ]
        if facts:
            blocks.append({"type": "FactSet", "facts": facts})
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": blocks,
        }
        content = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        return {"type": "message", "attachments": [content]}


class Discord(HttpChannel):
    """A webhook (https://discord.com/developers/docs/resources/webhook#execute-webhook). Nobody is mentioned."""

    def body(self, alert: Alert) -> Any:
        color = {"critical": 0xD93F3F, "warning": 0xE8A33D, "info": 0x4A90D9}[alert.level]
        embed = {
            "title": title_of(alert),
            "description": "\n".join([alert.message, *lines_of(alert)])[:_MOST],
            "color": color,
            "timestamp": datetime.fromtimestamp(alert.at, UTC).isoformat(),
        }
        return {"embeds": [embed], "allowed_mentions": {"parse": []}}


class PagerDuty(HttpChannel):
    """Events API v2 (https://developer.pagerduty.com/docs/events-api-v2-overview): alerts begin and end incidents;
    reports are none of its business."""

    def __init__(self, name: str, url: str, key: str) -> None:
        super().__init__(name, url)
        self._key = key

    async def send(self, alert: Alert) -> None:
        if alert.level != "info" or alert.ends:
            await super().send(alert)

    def body(self, alert: Alert) -> Any:
        event: dict[str, Any] = {
            "routing_key": self._key,
            "event_action": "resolve" if alert.ends else "trigger",
            "dedup_key": f"tianji:{alert.key}"[:255],
        }
        if not alert.ends:
            event["payload"] = {
                "summary": alert.message[:1024],
                "source": "tianji",
                "severity": alert.level,
                "timestamp": datetime.fromtimestamp(alert.at, UTC).isoformat(),
                "class": alert.kind,
                "custom_details": dict(alert.fields),
            }
        return event


class Webhook(HttpChannel):
    """JSON with LiteLLM's members, to a server of one's own."""

    def body(self, alert: Alert) -> Any:
        return {
            "event": alert.fields.get("event", alert.kind),
            "event_group": alert.fields.get("event_group", "proxy"),
            "event_message": alert.message,
            "alert_type": alert.kind,
            "level": alert.level,
            "at": alert.at,
            "ended": alert.ends,
            **{name: value for name, value in alert.fields.items() if name not in ("event", "event_group")},
        }


class Mail(Channel):
    """Electronic mail by SMTP, with TLS from the start on port 465, else by STARTTLS unless SMTP_TLS is False."""

    def __init__(self, name: str, settings: AlertingSettings) -> None:
        """Raises ValueError for settings that are missing."""
        self.name = name
        self._host = settings.needed("email", "SMTP_HOST")
        self._sender = settings.needed("email", "SMTP_SENDER_EMAIL")
        receivers = settings.env("ALERT_EMAILS", "SMTP_RECEIVER_EMAIL") or self._sender
        self._receivers = [each.strip() for each in receivers.split(",") if each.strip()]
        self._user = settings.env("SMTP_USERNAME")
        self._password = settings.env("SMTP_PASSWORD")
        self._tls = (settings.env("SMTP_TLS") or "True").strip().lower() not in ("false", "0", "no")
        try:
            self._port = int(settings.env("SMTP_PORT") or 587)
        except ValueError:
            raise ValueError("SMTP_PORT has to be a number") from None

    async def send(self, alert: Alert) -> None:
        message = EmailMessage()
        message["Subject"] = " ".join(f"[{alert.level}] {title_of(alert)}: {alert.message}".split())[:180]
        message["From"] = self._sender
        message["To"] = ", ".join(self._receivers)
        message.set_content("\n".join([alert.message, "", *lines_of(alert), ""]))
        try:
            await asyncio.to_thread(self._deliver, message)
        except smtplib.SMTPResponseException as error:
            raise DeliveryError(f"SMTP {error.smtp_code}", retry=error.smtp_code < 500) from None
        except (OSError, smtplib.SMTPException) as error:
            raise DeliveryError(type(error).__name__) from None

    def _deliver(self, message: EmailMessage) -> None:
        if self._port == 465:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=10, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=10)
        with server:
            if self._tls and self._port != 465:
                server.starttls(context=ssl.create_default_context())
            if self._user is not None and self._password is not None:
                server.login(self._user, self._password)
            server.send_message(message)


class Channels:
    """Those of the config, and for single kinds of alerts Slack webhooks of their own."""

    def __init__(self, settings: AlertingSettings) -> None:
        """Raises ValueError for what cannot be used; the text holds no address."""
        self.usual: list[Channel] = [_make(name, settings) for name in dict.fromkeys(settings.alerting)]
        self._own: dict[str, list[Channel]] = {}
        for kind, urls in settings.alert_to_webhook_url.items():
            listed = [urls] if isinstance(urls, str) else urls
            self._own[kind] = [Slack(f"slack for {kind}, {i}", url) for i, url in enumerate(listed, start=1)]

    def of(self, alert: Alert) -> Sequence[Channel]:
        """Where an alert goes: in place of the usual Slack to those of its kind, if it has some."""
        own = self._own.get(alert.kind)
        if own is None:
            return self.usual
        return [*own, *(each for each in self.usual if each.name != "slack")]

    async def aclose(self) -> None:
        """Close all."""
        for each in (*self.usual, *(one for listed in self._own.values() for one in listed)):
            await each.aclose()


def _make(name: str, settings: AlertingSettings) -> Channel:
    if name == "email":
        return Mail(name, settings)
    if name == "pagerduty":
        key = settings.needed(name, "PAGERDUTY_API_KEY", "PAGERDUTY_ROUTING_KEY")
        return PagerDuty(name, settings.env("PAGERDUTY_URL") or PAGERDUTY, key)
    if name == "slack":
        own = settings.alert_to_webhook_url.get("default")
        first = own if isinstance(own, str) else own[0] if own else None
        return Slack(name, first or settings.needed(name, "SLACK_WEBHOOK_URL"))
    if name == "ms_teams":
        return Teams(name, settings.needed(name, "MS_TEAMS_WEBHOOK_URL"))
    if name == "discord":
        return Discord(name, settings.needed(name, "DISCORD_WEBHOOK_URL"))
    return Webhook(name, settings.needed(name, "WEBHOOK_URL"))
