"""`/policies`: rules for calls, and for which calls they hold; for admins."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.api.errors import BadRequestError, NotFoundError
from tianji_core.gateway.policies import shown
from tianji_core.gateway.policies.book import Policies
from tianji_core.gateway.policies.facts import Facts, Who, names_of
from tianji_core.gateway.policies.shown import GUARDRAILS
from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route
from tianji_core.server.requests import read_object, who

if TYPE_CHECKING:
    from tianji_core.gateway.policies.stored import Changes, Written
    from tianji_core.server.app import App
    from tianji_core.store.rules import Kept


def routes(app: App) -> list[GuardedRoute]:
    def policies() -> Policies:
        return app.serving.gateway.pipeline.policies

    def changes() -> Changes:
        from tianji_core.gateway.policies.stored import Changes

        return Changes(policies(), app.serving.gateway.following)

    async def body_of(request: Request) -> dict[str, Any]:
        return await read_object(request, app.serving.max_request_bytes)

    async def list_policies(request: Request) -> Response:
        kept = await changes().kept()
        found = [shown.policy_of_config(draft) for draft in policies().policies if draft.source == "config"]
        found += [shown.policy(rule) for rule in kept.of_kind("policy")]
        return JSONResponse({"policies": found, "total_count": len(found)})

    async def create(request: Request) -> Response:
        body = await body_of(request)
        name = body.pop("policy_name", None)
        if not isinstance(name, str):
            raise BadRequestError("policy_name must be a string.", param="policy_name")
        return _written(shown.policy, await changes().create(name, _members({}, body), who(request)))

    async def get(request: Request) -> Response:
        return JSONResponse(_found(policies(), await changes().kept(), request.path_params["policy_id"]))

    async def update(request: Request) -> Response:
        body = await body_of(request)
        name = body.pop("policy_name", None)
        if name is not None and not isinstance(name, str):
            raise BadRequestError("policy_name must be a string.", param="policy_name")
        key, by = request.path_params["policy_id"], who(request)
        return _written(shown.policy, await changes().update(key, name, lambda present: _members(present, body), by))

    async def delete(request: Request) -> Response:
        gone = await changes().delete(request.path_params["policy_id"])
        return JSONResponse({"message": f"Policy {gone.name} deleted successfully"})

    async def resolved(request: Request) -> Response:
        said = _found(policies(), await changes().kept(), request.path_params["policy_id"])
        rules = policies().current
        policy = rules.policies.get(said["policy_name"]) if rules is not None else None
        if policy is None:
            raise NotFoundError(f"There is no policy {said['policy_name']!r}.")
        from tianji_core.gateway.policies.rules import flattened

        return JSONResponse(
            {
                "policy_id": said["policy_id"],
                "policy_name": policy.name,
                "resolved_guardrails": list(flattened(policy.parts).add),
                "inheritance_chain": [part.name for part in policy.parts],
            }
        )

    async def list_attachments(request: Request) -> Response:
        kept = await changes().kept()
        found = [shown.attachment_of_config(draft) for draft in policies().attachments if draft.source == "config"]
        found += [shown.attachment(rule) for rule in kept.of_kind("attachment")]
        return JSONResponse({"attachments": found, "total_count": len(found)})

    async def attach(request: Request) -> Response:
        body = await body_of(request)
        return _written(shown.attachment, await changes().attach(_attaching({}, body), who(request)))

    async def get_attachment(request: Request) -> Response:
        key = request.path_params["attachment_id"]
        for draft in policies().attachments:
            if draft.id == key and draft.source == "config":
                return JSONResponse(shown.attachment_of_config(draft))
        for rule in (await changes().kept()).of_kind("attachment"):
            if rule.id == key:
                return JSONResponse(shown.attachment(rule))
        raise NotFoundError(f"There is no attachment {key!r}.")

    async def change_attachment(request: Request) -> Response:
        body = await body_of(request)
        key, by = request.path_params["attachment_id"], who(request)
        return _written(
            shown.attachment, await changes().change_attachment(key, lambda present: _attaching(present, body), by)
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
    for theirs, ours in GUARDRAILS.items():
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


def _found(policies: Policies, kept: Kept, key: str) -> dict[str, Any]:
    """A policy by id or name. Raises NotFoundError."""
    for draft in policies.policies:
        if draft.name == key and draft.source == "config":
            return shown.policy_of_config(draft)
    stored = kept.of_kind("policy")
    rule = next((r for r in stored if r.id == key), None) or next((r for r in stored if r.name == key), None)
    if rule is None:
        raise NotFoundError(f"There is no policy {key!r}.")
    return shown.policy(rule)


def _written(show: Any, written: Written) -> Response:
    said = show(written.rule)
    return JSONResponse({**said, "warnings": written.warnings} if written.warnings else said)
