"""A call that nobody makes, of what an admin says of it and of its caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tianji_core.api.call import Principal
from tianji_core.api.errors import BadRequestError
from tianji_core.gateway.call import Call
from tianji_core.gateway.gateway import Gateway

_TEXTS = ("key_alias", "user_id", "team_id", "team_alias")
_LISTS = ("key_tags", "key_policies", "key_models", "roles")


def imagined(gateway: Gateway, body: Mapping[str, Any]) -> Call:
    """The chat call with the members of `body`, by the caller that the others of its members describe.

    Raises BadRequestError, and PermissionDeniedError for a model that `key_models` leave out.
    """
    asked = dict(body)
    texts = {name: asked.pop(name, None) for name in _TEXTS}
    lists = {name: asked.pop(name, None) or [] for name in _LISTS}
    metadata = asked.pop("key_metadata", None) or {}
    for name, value in texts.items():
        if value is not None and not isinstance(value, str):
            raise BadRequestError(f"{name} must be a string.", param=name)
    for name, values in lists.items():
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            raise BadRequestError(f"{name} must be an array of strings.", param=name)
    if not isinstance(metadata, dict):
        raise BadRequestError("key_metadata must be an object.", param="key_metadata")
    said = {"team_alias": texts["team_alias"], "tags": lists["key_tags"], "policies": lists["key_policies"]}
    principal = Principal(
        key_alias=texts["key_alias"],
        user_id=texts["user_id"],
        team_id=texts["team_id"],
        roles=frozenset(lists["roles"] or ["internal_user"]),
        models=frozenset(lists["key_models"]),
        metadata={**metadata, **{name: value for name, value in said.items() if value}},
    )
    if not isinstance(asked.get("model"), str) or not asked["model"]:
        raise BadRequestError("Missing required parameter: 'model'.", param="model")
    asked.setdefault("messages", [{"role": "user", "content": "Hello"}])
    return gateway.new_call("chat", asked, principal)
