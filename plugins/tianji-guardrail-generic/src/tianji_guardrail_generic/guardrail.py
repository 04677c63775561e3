"""The generic guardrail API: what is asked, and what the answer means.

Wire format: https://docs.litellm.ai/docs/adding_provider/generic_guardrail_api
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.call import Principal
from tianji_core.api.guardrail import ALLOW, Block, Guardrail, Payload, Stage, Verdict
from tianji_core.api.provider import Body
from tianji_core.transport.json_service import JsonService, ServiceError
from tianji_guardrail_generic.settings import GenericSettings

REASON = "Content blocked by the guardrail."


class GenericGuardrail(Guardrail):
    """Sends all texts of a payload together. The service lets them pass, blocks, or gives others in their place."""

    stages: frozenset[Stage] = frozenset({"pre_call", "during_call", "post_call", "logging_only"})

    def __init__(self, settings: GenericSettings) -> None:
        self._path = settings.path
        self._more = settings.additional_provider_specific_params
        self._service = JsonService(settings.base, settings.fields, timeout=settings.request_timeout)

    async def check(self, stage: Stage, payload: Payload) -> Verdict:
        """Raises Unreachable, ServiceError."""
        places = payload.places()
        texts = [place.text for place in places]
        if not texts and not payload.images():
            return ALLOW
        answer = await self._service.post(self._path, self._request(payload, texts))
        if not isinstance(answer, dict):
            raise ServiceError("an answer that is no object")
        action = answer.get("action")
        if action == "NONE":
            return ALLOW
        if action == "BLOCKED":
            reason = answer.get("blocked_reason")
            return Block(reason if isinstance(reason, str) and reason.strip() else REASON)
        if action != "GUARDRAIL_INTERVENED":
            raise ServiceError("an answer without an action")
        given = answer.get("texts")
        if not isinstance(given, list) or len(given) != len(texts) or not all(isinstance(t, str) for t in given):
            raise ServiceError("an answer with another number of texts")
        images = answer.get("images")
        if images is not None and images != payload.images():
            return Block("A guardrail wants other pictures in this request, and can only refuse it.")
        return payload.rewritten(
            places, given, {"texts": sum(new != old for new, old in zip(given, texts, strict=True))}
        )

    def _request(self, payload: Payload, texts: list[str]) -> Body:
        call, request = payload.call, payload.request
        asked: Body = {
            "texts": texts,
            "images": payload.images(),
            "input_type": "request" if payload.response is None else "response",
            "model": call.model,
            "litellm_call_id": call.id,
            "litellm_trace_id": call.id,
            "request_data": _caller(call.principal),
            "additional_provider_specific_params": {**self._more, **payload.options},
        }
        if payload.response is None:
            asked["structured_messages"] = request.get("messages") or []
            asked["tools"] = request.get("tools") or []
        else:
            asked["tool_calls"] = _tool_calls(payload.response)
        return asked

    async def aclose(self) -> None:
        await self._service.aclose()


def _caller(principal: Principal) -> Body:
    """Who calls, under the names that the reference gives it; nothing that is a secret."""
    return {
        "user_api_key_hash": principal.key_hash,
        "user_api_key_alias": principal.key_alias,
        "user_api_key_user_id": principal.user_id,
        "user_api_key_team_id": principal.team_id,
        "user_api_key_org_id": principal.organization_id,
    }


def _tool_calls(response: Body) -> list[Any]:
    choices = response.get("choices")
    messages = (
        [choice.get("message") for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []
    )
    calls = [message.get("tool_calls") for message in messages if isinstance(message, dict)]
    return [call for each in calls if isinstance(each, list) for call in each]
