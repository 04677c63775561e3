"""Guardrails written for the reference: subclasses of its `CustomGuardrail`, by the methods they have."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from tianji_core.api.call import CallView
from tianji_core.api.errors import GatewayError
from tianji_core.api.guardrail import ALLOW, Block, Guardrail, Payload, Rewrite, Stage, Verdict
from tianji_core.api.provider import Body
from tianji_core.discovery.stand_ins import DualCache, UserAPIKeyAuth, has_own
from tianji_core.gateway.custom_logger import Answer
from tianji_core.gateway.guardrails.windows import own
from tianji_core.translate.chunks import merge_chunks, split_response

_BEFORE = "async_pre_call_hook"
_BESIDE = "async_moderation_hook"
_AFTER = "async_post_call_success_hook"
_STREAM = "async_post_call_streaming_iterator_hook"
_TEXTS = "apply_guardrail"
_METHODS = (_BEFORE, _BESIDE, _AFTER, _STREAM, _TEXTS)
_STAGES: dict[str, Stage] = {_BEFORE: "pre_call", _BESIDE: "during_call", _AFTER: "post_call", _STREAM: "post_call"}
_CALL_TYPES = {"chat": "completion", "completions": "text_completion", "embeddings": "embeddings"}
_REFUSALS = frozenset({"GuardrailRaisedException", "BlockedPiiEntityError", "ContentPolicyViolationError"})
"""Exceptions of the reference by which its guardrails refuse, by name: its package need not be there."""
_SPEAKS = "ModifyResponseException"
"""The one by which they speak in the model's stead."""


class CustomGuardrail(Guardrail):
    """It gets what its methods get there, and refuses as there: by an HTTPException, a ValueError, or one of its own.

    Any other exception is a failure. At a stage that it has no method for, `apply_guardrail` is asked.
    """

    def __init__(self, guardrail: Any) -> None:
        """Raises TypeError for an object without any of the methods."""
        self._guardrail = guardrail
        own_methods = {name: getattr(guardrail, name) for name in _METHODS if has_own(type(guardrail), name)}
        if not own_methods:
            raise TypeError(f"{type(guardrail).__name__} has none of the methods {', '.join(_METHODS)}")
        self._methods: dict[str, Callable[..., Any]] = own_methods
        self._takes = {name: _parameters(method) for name, method in own_methods.items()}
        stages = {_STAGES[name] for name in own_methods if name in _STAGES}
        if _TEXTS in own_methods:
            stages |= {"pre_call", "during_call", "post_call", "logging_only"}
        self.stages = frozenset(stages)

    @classmethod
    def fits(cls, found: Any) -> bool:
        """Whether what a dotted path names is such a class, or an object of one."""
        kind = found if isinstance(found, type) else type(found)
        return not issubclass(kind, Guardrail) and any(has_own(kind, name) for name in _METHODS)

    @classmethod
    def of(cls, found: Any, name: str, mode: Sequence[str], default_on: bool, extra: Mapping[str, Any]) -> Guardrail:
        """A class is made an object of as in the reference: with its name, its mode, and its own settings by name."""
        if isinstance(found, type):
            event_hook = mode[0] if len(mode) == 1 else list(mode)
            found = found(guardrail_name=name, event_hook=event_hook, default_on=default_on, **extra)
        return cls(found)

    async def check(self, stage: Stage, payload: Payload) -> Verdict:
        try:
            return await self._check(stage, payload)
        except GatewayError:
            raise
        except Exception as error:
            refusal = _refusal(error)
            if refusal is None:
                raise
            return refusal

    async def _check(self, stage: Stage, payload: Payload) -> Verdict:
        methods = self._methods
        if stage == "pre_call" and _BEFORE in methods:
            data = _data(payload)
            return _new_request(payload, await self._call(_BEFORE, payload, data=data), data)
        if stage == "during_call" and _BESIDE in methods:
            await self._call(_BESIDE, payload, data=_data(payload))
            return ALLOW
        if stage == "post_call" and payload.call.stream and _STREAM in methods:
            return await self._stream(payload)
        if stage == "post_call" and _AFTER in methods:
            response = Answer(own(payload.response))
            given = await self._call(_AFTER, payload, data=_data(payload), response=response)
            return _new_answer(payload, response if given is None else given)
        return await self._texts(payload) if _TEXTS in methods else ALLOW

    async def _stream(self, payload: Payload) -> Verdict:
        async def chunks() -> AsyncIterator[Answer]:
            for chunk in split_response(payload.response or {}):
                yield Answer(chunk)

        method, asked = self._methods[_STREAM], self._arguments(_STREAM, payload, response=chunks())
        given = method(**{**asked, "request_data": _data(payload)})
        told = [_plain(chunk) async for chunk in given]
        return _new_answer(payload, merge_chunks(told))

    async def _texts(self, payload: Payload) -> Verdict:
        """By `apply_guardrail`: in its present form with all texts at once, in its old one text by text."""
        places = payload.places()
        texts = [place.text for place in places]
        kind = "request" if payload.response is None else "response"
        if "text" in (self._takes[_TEXTS] or ()):
            new: list[str] = []
            for text in texts:
                found = await self._call(_TEXTS, payload, text=text, request_data=_data(payload))
                new.append(found if isinstance(found, str) else text)
            return payload.rewritten(places, new)
        inputs: dict[str, Any] = {"texts": list(texts), "images": payload.images()}
        if payload.response is None:
            inputs["structured_messages"] = own(payload.request.get("messages") or [])
            inputs["tools"] = own(payload.request.get("tools") or [])
        inputs["model"] = payload.call.model
        given = await self._call(_TEXTS, payload, inputs=inputs, request_data=_data(payload), input_type=kind)
        told = given.get("texts") if isinstance(given, dict) else None
        if told is None:
            return ALLOW
        if not isinstance(told, list) or len(told) != len(texts) or not all(isinstance(text, str) for text in told):
            raise TypeError("apply_guardrail has to give as many texts as it was given")
        return payload.rewritten(places, told)

    async def _call(self, name: str, payload: Payload, **given: Any) -> Any:
        result = self._methods[name](**self._arguments(name, payload, **given))
        return await result if inspect.isawaitable(result) else result

    def _arguments(self, name: str, payload: Payload, **given: Any) -> dict[str, Any]:
        """What a method is called with: all that it knows to take."""
        call = payload.call
        known = {
            "user_api_key_dict": _caller(call),
            "cache": DualCache(),
            "call_type": _CALL_TYPES.get(call.operation, call.operation),
            "logging_obj": None,
            "language": payload.options.get("language"),
            "entities": payload.options.get("entities"),
            **given,
        }
        takes = self._takes[name]
        return known if takes is None else {key: value for key, value in known.items() if key in takes}


def _caller(call: CallView) -> Any:
    who = call.principal
    return UserAPIKeyAuth(
        api_key=who.key_hash,
        token=who.key_hash,
        key_alias=who.key_alias,
        user_id=who.user_id,
        team_id=who.team_id,
        org_id=who.organization_id,
        metadata=dict(who.metadata),
    )


def _data(payload: Payload) -> dict[str, Any]:
    """The request as hooks of the reference get it: a copy that they may change."""
    data: dict[str, Any] = own(payload.request)
    data["metadata"] = {**dict(data.get("metadata") or {}), "guardrail_config": dict(payload.options)}
    data["litellm_call_id"] = payload.call.id
    return data


def _new_request(payload: Payload, given: Any, data: dict[str, Any]) -> Verdict:
    """What a pre-call hook gave: the request, changed or not, or a text that is to be the answer."""
    if isinstance(given, str):
        return Block(given, answer=given)
    if isinstance(given, Exception):
        raise given
    new = dict(given) if isinstance(given, dict) else data
    new.pop("litellm_call_id", None)
    if "metadata" in payload.request:
        new["metadata"] = payload.request["metadata"]
    else:
        new.pop("metadata", None)
    return ALLOW if new == payload.request else Rewrite(new)


def _new_answer(payload: Payload, given: Any) -> Verdict:
    if isinstance(given, str):
        return Block(given, answer=given)
    new = _plain(given)
    if not isinstance(new, dict):
        raise TypeError("a hook has to give an answer")
    return ALLOW if new == payload.response else Rewrite(new)


def _plain(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    return own(dump() if callable(dump) else value)


def _refusal(error: Exception) -> Verdict | None:
    """The verdict that an exception stands for; None for a failure. Raises GatewayError for other statuses than 400."""
    name = type(error).__name__
    if name == _SPEAKS:
        message = str(getattr(error, "message", "") or error)
        return Block(message, answer=message)
    status, detail = getattr(error, "status_code", None), getattr(error, "detail", None)
    if isinstance(status, int) and detail is not None:
        message, told = _told(detail)
        if status == 400:
            return Block(message, told)
        raise GatewayError(message, status=status, type="guardrail_error", detail=told)
    if name in _REFUSALS or isinstance(error, ValueError):
        return Block(str(getattr(error, "message", "") or error) or name)
    return None


def _told(detail: Any) -> tuple[str, Body]:
    if isinstance(detail, dict):
        said = detail.get("error") or detail.get("message")
        if isinstance(said, dict):
            said = said.get("message")
        return str(said or "The request was refused by a guardrail."), {str(k): v for k, v in detail.items()}
    return str(detail), {}


def _parameters(method: Callable[..., Any]) -> frozenset[str] | None:
    """The names that a method takes; None for all."""
    found = inspect.signature(method).parameters.values()
    if any(each.kind is each.VAR_KEYWORD for each in found):
        return None
    return frozenset(each.name for each in found)
