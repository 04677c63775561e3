"""Keys for one model and a few minutes, for browsers and others that may not have a caller's own.

OpenAI's endpoints of the same names hand out keys of OpenAI. Ours are the gateway's: whoever holds one comes by here,
so that limits and records are as for the caller who asked for it, and no vendor has to know of it. What a session is to
be set up with is kept, and is the first that the vendor is told in it.

Source: OpenAI's Realtime API reference (`client_secrets`; of the beta, `sessions` and `transcription_sessions`).
"""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass, fields
from typing import Any

from tianji_core.api.call import Principal
from tianji_core.api.errors import BadRequestError
from tianji_core.store import Store

PREFIX = "ek_"
KIND = "realtime_client_secret"
SECONDS, SECONDS_OF_THE_BETA = 600, 60
LEAST, MOST = 10, 7200
_SETS = frozenset({"roles", "models"})


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """What a client secret stands for: who asked for it, for which model, and how sessions are set up."""

    principal: Principal
    model: str
    event: dict[str, Any] | None = None
    intent: str | None = None
    beta: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request for a client secret asks for. `session` is the set-up as the client wrote it."""

    session: dict[str, Any]
    model: str
    transcribes: bool
    beta: bool
    seconds: int

    def secret(self, principal: Principal) -> ClientSecret:
        if self.beta:
            kind = "transcription_session.update" if self.transcribes else "session.update"
            setup = self.session
        else:
            kind = "session.update"
            setup = {"type": "transcription" if self.transcribes else "realtime", **self.session}
        # The model is a matter of the address; inside of a session it would be the vendor's name, not ours.
        setup = {name: value for name, value in setup.items() if name != "model"}
        says_something = bool(setup.keys() - {"type"})
        return ClientSecret(
            principal,
            self.model,
            {"type": kind, "session": setup} if says_something else None,
            "transcription" if self.transcribes else None,
            self.beta,
        )


def read_wanted(body: Any) -> Wanted:
    """What a body of `client_secrets` asks for. Raises BadRequestError."""
    body = _object(body, "request_body")
    session = _object(body.get("session") or {}, "session")
    kind = session.get("type", "realtime")
    if kind not in ("realtime", "transcription"):
        raise BadRequestError("session.type is neither 'realtime' nor 'transcription'.", param="session.type")
    transcribes = kind == "transcription"
    spoken = _at(session, "audio", "input", "transcription", "model") if transcribes else None
    model = _model(body.get("model") or session.get("model") or spoken)
    return Wanted(session, model, transcribes, False, _seconds(body.get("expires_after"), SECONDS))


def read_wanted_of_the_beta(body: Any, *, transcribes: bool) -> Wanted:
    """The same of `sessions` and `transcription_sessions`, whose body is the set-up itself."""
    session = dict(_object(body, "request_body"))
    asked = session.pop("client_secret", None)
    seconds = _seconds(asked.get("expires_after") if isinstance(asked, dict) else None, SECONDS_OF_THE_BETA)
    spoken = _at(session, "input_audio_transcription", "model") if transcribes else None
    return Wanted(session, _model(session.get("model") or spoken), transcribes, True, seconds)


async def keep(store: Store, secret: ClientSecret, seconds: int) -> tuple[str, int]:
    """A new client secret, and when it expires. Raises StoreUnavailableError."""
    from tianji_core.store.objects import StoredObject

    value = PREFIX + secrets.token_urlsafe(32)
    expires_at = int(time.time()) + seconds
    data: dict[str, Any] = {
        "principal": _written(secret.principal),
        "model": secret.model,
        "event": secret.event,
        "intent": secret.intent,
        "beta": secret.beta,
    }
    opened = await store.ready()
    await opened.objects.add(StoredObject(_id(value), KIND, secret.principal.owner, data, expires_at=expires_at))
    return value, expires_at


async def find(store: Store, value: str | None) -> ClientSecret | None:
    """What a key stands for, if it is a client secret that is still good. Raises StoreUnavailableError."""
    if value is None or not value.startswith(PREFIX) or not store.in_use:
        return None
    opened = await store.ready()
    stored = await opened.objects.get(KIND, _id(value), None)
    if stored is None:
        return None
    data = stored.data
    return ClientSecret(_read(data["principal"]), data["model"], data["event"], data["intent"], data["beta"])


def _id(value: str) -> str:
    """Where a secret is kept: only who has it finds it, and who reads the database has none."""
    return "rts_" + hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()


def _written(principal: Principal) -> dict[str, Any]:
    found = {field.name: getattr(principal, field.name) for field in fields(principal)}
    return {name: sorted(value) if name in _SETS else value for name, value in found.items()}


def _read(data: dict[str, Any]) -> Principal:
    known = {field.name for field in fields(Principal)}
    found: dict[str, Any] = {n: frozenset(v) if n in _SETS else v for n, v in data.items() if n in known}
    return Principal(**found)


def _object(value: Any, param: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRequestError(f"{param} must be a JSON object.", param=param)
    return value


def _model(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise BadRequestError("Missing required parameter: 'session.model'.", param="session.model")
    return value


def _seconds(asked: Any, usual: int) -> int:
    if asked is None:
        return usual
    seconds = _object(asked, "expires_after").get("seconds", usual)
    if type(seconds) is not int or not LEAST <= seconds <= MOST:
        raise BadRequestError(f"expires_after.seconds must be from {LEAST} to {MOST}.", param="expires_after.seconds")
    if asked.get("anchor", "created_at") != "created_at":
        raise BadRequestError("expires_after.anchor must be 'created_at'.", param="expires_after.anchor")
    return seconds


def _at(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
