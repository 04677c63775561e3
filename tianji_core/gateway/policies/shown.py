"""Policies and attachments as admins see them: LiteLLM's members, and ours beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tianji_core.gateway.policies.build import AttachmentDraft, PolicyDraft

if TYPE_CHECKING:
    from tianji_core.config.schema.base import Block
    from tianji_core.store.rules import Rule

_PLAIN = ("inherit", "description", "condition", "models", "params", "requestable")
"""Members of a policy that are the same in the config and here."""
_ATTACHED = ("scope", "teams", "keys", "models", "tags", "priority", "default", "mandatory")
_LISTS = ("teams", "keys", "models", "tags")
GUARDRAILS = {"guardrails_add": "add", "guardrails_remove": "remove"}
"""What the API calls the members of `guardrails`."""


def _shown(name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    guardrails = data.get("guardrails") or {}
    return {
        "policy_name": name,
        **{member: data.get(member) for member in _PLAIN},
        "requestable": bool(data.get("requestable")),
        **{theirs: _list(guardrails.get(ours)) for theirs, ours in GUARDRAILS.items()},
    }


def policy(rule: Rule) -> dict[str, Any]:
    return {"policy_id": rule.id, **_shown(rule.name, rule.data), "source": "database", **rule.history}


def policy_of_config(draft: PolicyDraft) -> dict[str, Any]:
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


def attachment(rule: Rule) -> dict[str, Any]:
    shown = _shown_attachment(rule.data["policy"], rule.data)
    return {"attachment_id": rule.id, **shown, "source": "database", **rule.history}


def attachment_of_config(draft: AttachmentDraft) -> dict[str, Any]:
    shown = _shown_attachment(draft.block.policy, _plain(draft.block))
    return {"attachment_id": draft.id, **shown, "source": "config", **_NO_HISTORY}


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
