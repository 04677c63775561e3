"""`/policies`: rules for calls, and for which calls they hold; for admins."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.api.call import Principal
from tianji_core.api.errors import BadRequestError, NotFoundError
from tianji_core.gateway.policies.book import Policies
from tianji_core.gateway.policies.build import AttachmentDraft, PolicyDraft
from tianji_core.gateway.policies.facts import Facts, Who, names_of
from tianji_core.server.asgi import read_json
from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route

if TYPE_CHECKING:
    from tianji_core.config.schema.base import Block
    from tianji_core.gateway.policies.stored import Changes, Written
    from tianji_core.server.app import App
    from tianji_core.store.rules import Kept, Rule

_PLAIN = ("inherit", "description", "condition", "models", "params", "requestable")
"""Members of a policy that are the same in the config and here."""
_ATTACHED = ("scope", "teams", "keys", "models", "tags", "priority", "default", "mandatory")
_LISTS = ("teams", "keys", "models", "tags")
_GUARDRAILS = {"guardrails_add": "add", "guardrails_remove": "remove"}


def routes(app: App) -> list[GuardedRoute]:
    def policies() -> Policies:
        return app.serving.gateway.pipeline.policies

    def changes() -> Changes:
        from tianji_core.gateway.policies.stored import Changes

        return Changes(policies(), app.serving.gateway.following)

    async def body_of(request: Request) -> dict[str, Any]:
        limit = app.serving.max_request_bytes
        body = await read_json(request.scope, request.receive, dict(request.scope["headers"]), limit)
        if not isinstance(body, dict):
            raise BadRequestError("The request body must be a JSON object.", param="request_body")
        return body

    async def list_policies(request: Request) -> Response:
        kept = await changes().kept()
        found = [_of_config(draft) for draft in policies().policies if draft.source == "config"]
        found += [_policy(rule) for rule in kept.of_kind("policy")]
        return JSONResponse({"policies": found, "total_count": len(found)})

    async def create(request: Request) -> Response:
        body = await body_of(request)
        name = body.pop("policy_name", None)
        if not isinstance(name, str):
            raise BadRequestError("policy_name must be a string.", param="policy_name")
        return _written(_policy, await changes().create(name, _members({}, body), _who(request)))

    async def get(request: Request) -> Response:
        return JSONResponse(_found(policies(), await changes().kept(), request.path_params["policy_id"]))

    async def update(request: Request) -> Response:
        body = await body_of(request)
        name = body.pop("policy_name", None)
        if name is not None and not isinstance(name, str):
            raise BadRequestError("policy_name must be a string.", param="policy_name")
        key, by = request.path_params["policy_id"], _who(request)
        return _written(_policy, await changes().update(key, name, lambda present: _members(present, body), by))

    async def delete(request: Request) -> Response:
        gone = await changes().delete(request.path_params["policy_id"])
        return JSONResponse({"message": f"Policy {gone.name} deleted successfully"})

    async def resolved(request: Request) -> Response:
        shown = _found(policies(), await changes().kept(), request.path_params["policy_id"])
        rules = policies().current
        policy = rules.policies.get(shown["policy_name"]) if rules is not None else None
        if policy is None:
            raise NotFoundError(f"There is no policy {shown['policy_name']!r}.")
        from tianji_core.gateway.policies.rules import flattened

        return JSONResponse(
            {
                "policy_id": shown["policy_id"],
                "policy_name": policy.name,
                "resolved_guardrails": list(flattened(policy.parts).add),
                "inheritance_chain": [part.name for part in policy.parts],
            }
        )

    async def list_attachments(request: Request) -> Response:
        kept = await changes().kept()
        found = [_attachment_of_config(draft) for draft in policies().attachments if draft.source == "config"]
        found += [_attachment(rule) for rule in kept.of_kind("attachment")]
        return JSONResponse({"attachments": found, "total_count": len(found)})

    async def attach(request: Request) -> Response:
        body = await body_of(request)
        return _written(_attachment, await changes().attach(_attaching({}, body), _who(request)))

    async def get_attachment(request: Request) -> Response:
        key = request.path_params["attachment_id"]
        for draft in policies().attachments:
            if draft.id == key and draft.source == "config":
                return JSONResponse(_attachment_of_config(draft))
        for rule in (await changes().kept()).of_kind("attachment"):
            if rule.id == key:
                return JSONResponse(_attachment(rule))
        raise NotFoundError(f"There is no attachment {key!r}.")

    async def change_attachment(request: Request) -> Response:
        body = await body_of(request)
        key, by = request.path_params["attachment_id"], _who(request)
        return _written(
            _attachment, await changes().change_attachment(key, lambda present: _attaching(present, body), by)
        )

    async def detach(request: Request) -> Response:
        gone = await changes().detach(request.path_params["attachment_id"])
        return JSONResponse({"message": f"Attachment {gone.id} deleted successfully"})

    async def resolve(request: Request) -> Response:
        from tianji_core.gateway.policies.explain import Question, explained

        body = await body_of(request)
        gateway = app.serving.gateway
        model = _text(body, "model")
        names = () if model is None else names_of(model, gateway.pipeline.models)
        who = Who(*(_some(_text(body, name)) for name in ("key_alias", "team_alias")))
        facts = Facts(
            who,
            names,
            _texts(body, "key_tags"),
            _object(body, "key_metadata"),
            _texts(body, "tags"),
            _object(body, "metadata"),
            _time(body),
        )
        question = Question(facts, _texts(body, "key_policies"), _texts(body, "policies"))
        guardrails = [row.guardrail_name for row in gateway.config.guardrails]
        return JSONResponse(explained(policies(), question, guardrails))

    admin = Permission.ADMIN
    one, attached = "/policies/{policy_id}", "/policies/attachments/{attachment_id}"
    read = Doc("A policy", "Policy")
    listed = Doc("All policies", "PolicyList")
    read_attachment = Doc("For which calls a policy holds", "PolicyAttachment")
    listed_attachments = Doc("For which calls the policies hold", "PolicyAttachmentList")
    return [
        route("/policies/list", list_policies, admin, doc=listed),
        route("/policies", list_policies, admin, doc=listed),
        route("/policies", create, admin, ["POST"], Doc("Make a policy", "Policy", body="NewPolicy")),
        route(
            "/policies/resolve",
            resolve,
            admin,
            ["POST"],
            Doc("What policies would come to for a call, and why", "PolicyOutcome", body="PolicyQuestion"),
        ),
        route("/policies/attachments/list", list_attachments, admin, doc=listed_attachments),
        route("/policies/attachments", list_attachments, admin, doc=listed_attachments),
        route(
            "/policies/attachments",
            attach,
            admin,
            ["POST"],
            Doc("Have a policy hold for some calls", "PolicyAttachment", body="NewPolicyAttachment"),
        ),
        route(attached, get_attachment, admin, doc=read_attachment),
        route(attached, change_attachment, admin, ["PUT"], read_attachment._replace(body="PolicyAttachmentChange")),
        route(attached, detach, admin, ["DELETE"], Doc("Have a policy hold no longer", "Done")),
        route(f"{one}/resolved-guardrails", resolved, admin, doc=Doc("With what it inherits", "ResolvedPolicy")),
        route(one, get, admin, doc=read),
        route(one, update, admin, ["PUT"], Doc("Change a policy", "Policy", body="PolicyChange")),
        route(one, delete, admin, ["DELETE"], Doc("Delete a policy that is not in use", "Done")),
    ]


# -- in --------------------------------------------------------------------------------------------------------------


def _members(present: Mapping[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """A policy's members as the config has them: those of now, with those of a body in their place."""
    asked = dict(body)
    guardrails = dict(present.get("guardrails") or {})
    given = asked.pop("guardrails", None)
    if given is not None and not isinstance(given, dict):
        raise BadRequestError("guardrails must be an object with add and remove.", param="guardrails")
    guardrails.update(given or {})
    for theirs, ours in _GUARDRAILS.items():
        if theirs in asked:
            guardrails[ours] = asked.pop(theirs) or []
    return {**present, **asked, "guardrails": guardrails}


def _attaching(present: Mapping[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    asked = dict(body)
    if "policy_name" in asked:
        asked["policy"] = asked.pop("policy_name")
    if not isinstance(asked.get("policy", present.get("policy")), str):
        raise BadRequestError("policy_name must be a string.", param="policy_name")
    return {**present, **asked}


def _who(request: Request) -> str | None:
    principal: Principal = request.scope["principal"]
    return principal.user_id or principal.key_alias


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise BadRequestError(f"{name} must be a string.", param=name)
    return value


def _some(value: str | None) -> tuple[str, ...]:
    return (value,) if value else ()


def _texts(body: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = body.get(name) or []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise BadRequestError(f"{name} must be an array of strings.", param=name)
    return tuple(value)


def _object(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise BadRequestError(f"{name} must be an object.", param=name)
    return value


def _time(body: Mapping[str, Any]) -> float:
    """When the call would be made: Unix seconds, or a date and time; now if it is not said."""
    value = body.get("time")
    if value is None:
        return time.time()
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC).timestamp()
        at = datetime.fromisoformat(value)
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError, OSError):
        raise BadRequestError("time must be Unix seconds, or like 2026-01-31T09:30+01:00.", param="time") from None


# -- out -------------------------------------------------------------------------------------------------------------


def _shown(name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    guardrails = data.get("guardrails") or {}
    return {
        "policy_name": name,
        **{member: data.get(member) for member in _PLAIN},
        "requestable": bool(data.get("requestable")),
        **{theirs: _list(guardrails.get(ours)) for theirs, ours in _GUARDRAILS.items()},
    }


def _policy(rule: Rule) -> dict[str, Any]:
    return {"policy_id": rule.id, **_shown(rule.name, rule.data), "source": "database", **_history(rule)}


def _of_config(draft: PolicyDraft) -> dict[str, Any]:
    return {"policy_id": draft.name, **_shown(draft.name, _plain(draft.block)), "source": "config", **_NO_HISTORY}


def _shown_attachment(policy: str, data: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: data.get(name) for name in _ATTACHED}
    found.update((name, _list(found[name])) for name in _LISTS)
    return {
        "policy_name": policy,
        **found,
        "priority": found["priority"] or 0,
        "default": bool(found["default"]),
        "mandatory": bool(found["mandatory"]),
    }


def _attachment(rule: Rule) -> dict[str, Any]:
    shown = _shown_attachment(rule.data["policy"], rule.data)
    return {"attachment_id": rule.id, **shown, "source": "database", **_history(rule)}


def _attachment_of_config(draft: AttachmentDraft) -> dict[str, Any]:
    shown = _shown_attachment(draft.block.policy, _plain(draft.block))
    return {"attachment_id": draft.id, **shown, "source": "config", **_NO_HISTORY}


def _found(policies: Policies, kept: Kept, key: str) -> dict[str, Any]:
    """A policy by id or name. Raises NotFoundError."""
    for draft in policies.policies:
        if draft.name == key and draft.source == "config":
            return _of_config(draft)
    stored = kept.of_kind("policy")
    rule = next((r for r in stored if r.id == key), None) or next((r for r in stored if r.name == key), None)
    if rule is None:
        raise NotFoundError(f"There is no policy {key!r}.")
    return _policy(rule)


def _plain(block: Block) -> dict[str, Any]:
    """What the config says in a block, without defaults. Aliases of keys are no secrets, whatever they are called."""
    plain: dict[str, Any] = _shown_texts(block.model_dump(exclude_unset=True))
    return plain


def _shown_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shown_texts(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shown_texts(item) for item in value]
    return "".join(value) if isinstance(value, str) else value


def _list(value: Any) -> list[Any]:
    """A list; the config lets one name stand for a list of one."""
    return [value] if isinstance(value, str) else list(value or ())


_NO_HISTORY = dict.fromkeys(("created_at", "updated_at", "created_by", "updated_by"))


def _history(rule: Rule) -> dict[str, Any]:
    return {
        "created_at": datetime.fromtimestamp(rule.created_at, UTC).isoformat(),
        "updated_at": datetime.fromtimestamp(rule.updated_at, UTC).isoformat(),
        "created_by": rule.created_by,
        "updated_by": rule.updated_by,
    }


def _written(show: Any, written: Written) -> Response:
    shown = show(written.rule)
    return JSONResponse({**shown, "warnings": written.warnings} if written.warnings else shown)
