"""Request bodies: which members are the gateway's, which are refused, and what they say.

Bodies never steer the gateway. Hosts and credentials come from the config only; a body that names some is refused,
so that nobody believes it worked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tianji_core.api.call import Principal
from tianji_core.api.errors import (
    AuthenticationError,
    BadRequestError,
    PermissionDeniedError,
)
from tianji_core.api.http import Upload
from tianji_core.api.members import OWN
from tianji_core.api.provider import UPLOADS, Body, Operation
from tianji_core.gateway.call import DEFAULT_OPTIONS, CallOptions
from tianji_core.gateway.paths import Step, parse_path

REFUSED = frozenset(
    {
        "api_base",
        "api_key",
        "api_version",
        "aws_access_key_id",
        "aws_bedrock_runtime_endpoint",
        "aws_external_id",
        "aws_profile_name",
        "aws_region_name",
        "aws_role_name",
        "aws_secret_access_key",
        "aws_session_name",
        "aws_session_token",
        "aws_sts_endpoint",
        "aws_web_identity_token",
        "azure_ad_token",
        "azure_password",
        "azure_scope",
        "azure_username",
        "base_url",
        "client_secret",
        "custom_llm_provider",
        "litellm_credential_name",
        "model_list",
        "tenant_id",
        "user_config",
        "vertex_ai_credentials",
        "vertex_ai_location",
        "vertex_ai_project",
        "vertex_credentials",
        "vertex_location",
        "vertex_project",
    }
)
"""Members that would name a host, a credential or a deployment."""

MAX_CLIENT_RETRIES = 10
"""A client that could ask for any number would decide how much load a failing vendor gets."""

MAX_POLICIES = 32
"""Policies that one request may ask for."""

MAX_DROPPED = 32
"""Paths in one request's `additional_drop_params`: each is a walk through the body."""

_TEXT = (str,)
_NUMBER = (int, float)
_LIST = (list,)
_OBJECT = (dict,)
_FLAG = (bool,)
_NAMES = {str: "a string", int: "an integer", float: "a number", list: "an array", dict: "an object", bool: "a boolean"}

TYPES: dict[str, tuple[type, ...]] = {
    "additional_drop_params": _LIST,
    "allowed_openai_params": _LIST,
    "audio": _OBJECT,
    "dimensions": (int,),
    "disable_fallbacks": _FLAG,
    "drop_params": _FLAG,
    "encoding_format": _TEXT,
    "extra_body": _OBJECT,
    "fallbacks": _LIST,
    "frequency_penalty": _NUMBER,
    "functions": _LIST,
    "guardrail_config": _OBJECT,
    "guardrails": _LIST,
    "litellm_metadata": _OBJECT,
    "logit_bias": _OBJECT,
    "max_completion_tokens": (int,),
    "max_tokens": (int,),
    "messages": _LIST,
    "metadata": _OBJECT,
    "modalities": _LIST,
    "n": (int,),
    "num_retries": (int,),
    "parallel_tool_calls": _FLAG,
    "policies": _LIST,
    "presence_penalty": _NUMBER,
    "response_format": _OBJECT,
    "seed": (int,),
    "stop": (str, list),
    "stream": _FLAG,
    "stream_options": _OBJECT,
    "stream_timeout": _NUMBER,
    "tags": _LIST,
    "temperature": _NUMBER,
    "timeout": _NUMBER,
    "tool_choice": (str, dict),
    "tools": _LIST,
    "top_logprobs": (int,),
    "top_p": _NUMBER,
    "user": _TEXT,
    "query": _TEXT,
    "documents": _LIST,
    "top_n": (int,),
    "voice": (str, dict),
}
"""The JSON types of the members whose type is not in doubt; null is always allowed. What they mean is the vendor's
business, but a wrong type is told here, the same for every vendor."""

_TYPES_BESIDE_CHAT = {**TYPES, "response_format": _TEXT}

REQUIRED: dict[Operation, tuple[str, ...]] = {
    "chat": ("messages",),
    "completions": ("prompt",),
    "embeddings": ("input",),
    "rerank": ("query", "documents"),
    "moderations": ("input",),
    "images": ("prompt",),
    "image_edits": ("image", "prompt"),
    "image_variations": ("image",),
    "speech": ("input",),
    "transcriptions": ("file",),
    "translations": ("file",),
    "realtime": ("model",),
}
_FILES = frozenset({"file", "image", "mask"})
"""Members of forms that have to be files."""


def check_body(value: Any, operation: Operation) -> Body:
    """The body, once it has the form of the operation. Raises BadRequestError naming the member that has not."""
    if not isinstance(value, dict):
        raise BadRequestError("The request body must be a JSON object.", param="request_body")
    body: Body = value if value.get("extra_body") is None else _with_extra(value)
    for required in REQUIRED[operation]:
        if body.get(required) is None:
            raise BadRequestError(f"Missing required parameter: '{required}'.", param=required)
    known = TYPES if operation == "chat" else _TYPES_BESIDE_CHAT
    for name, member in body.items():
        types = known.get(name)
        if types is not None and type(member) not in types and member is not None and not _fits(member, types):
            raise BadRequestError(f"Invalid type for '{name}': expected {_wanted(types)}.", param=name)
    model = body.get("model")
    if model is not None and not isinstance(model, str):
        raise BadRequestError("Invalid type for 'model': expected a string.", param="model")
    if operation == "chat":
        for index, message in enumerate(body["messages"]):
            if not isinstance(message, dict):
                raise BadRequestError(f"messages[{index}] must be an object.", param="messages")
    elif operation in UPLOADS:
        _check_files(body, operation)
    else:
        for required in REQUIRED[operation]:
            if not isinstance(body[required], (str, list)):
                raise BadRequestError(f"Invalid type for '{required}': expected a string or an array.", param=required)
    refused = REFUSED.intersection(body)
    if refused:
        raise refused_members(refused)
    for target in body.get("fallbacks") or ():
        if isinstance(target, dict):
            overridden(body, target, operation)
    return body


def _check_files(body: Body, operation: Operation) -> None:
    """Raises BadRequestError for a file that is none, and for a member that should be none."""
    for name, value in body.items():
        uploads = [isinstance(each, Upload) for each in (value if isinstance(value, list) else [value])]
        if name in _FILES and not all(uploads):
            raise BadRequestError(f"Invalid type for '{name}': expected a file.", param=name)
        if name in REQUIRED[operation] and name not in _FILES and any(uploads):
            raise BadRequestError(f"Invalid type for '{name}': expected a string.", param=name)


def overridden(body: Body, changes: Body, operation: Operation) -> Body:
    """The body with what a client wants changed for a fallback, which has to be as good as the body itself."""
    changes = {name: value for name, value in changes.items() if name not in ("model", "stream")}
    return check_body({**body, **changes, "fallbacks": None}, operation)


def _with_extra(body: Body) -> Body:
    """The members of `extra_body` put in among the others, before anything is checked or judged."""
    extra = body["extra_body"]
    if not isinstance(extra, dict):
        raise BadRequestError("Invalid type for 'extra_body': expected an object.", param="extra_body")
    more = {name: value for name, value in extra.items() if name not in OWN and name not in ("model", "stream")}
    return {**body, **more, "extra_body": None}


def refused_members(names: frozenset[str] | set[str]) -> AuthenticationError:
    """The error for members that would steer the gateway; 401 as the reference has it."""
    listed = ", ".join(sorted(names))
    return AuthenticationError(
        f"Rejected request: {listed} may not be set by a request; hosts and credentials come from the config only.",
        type="auth_error",
        param="None",
    )


def _fits(value: Any, types: tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return bool in types
    return isinstance(value, types)


def _wanted(types: tuple[type, ...]) -> str:
    return " or ".join(_NAMES[t] for t in types if not (t is int and float in types))


def check_retries(number: int, name: str) -> int:
    """The number of retries that a client asks for. Raises BadRequestError beyond what it may make us send."""
    if not 0 <= number <= MAX_CLIENT_RETRIES:
        raise BadRequestError(f"{name} must be between 0 and {MAX_CLIENT_RETRIES}.", param=name)
    return number


def read_options(body: Body) -> CallOptions:
    """What the body asks of the gateway. Raises BadRequestError for values that cannot be meant."""
    if not OWN.intersection(body):
        return DEFAULT_OPTIONS
    num_retries = body.get("num_retries")
    if num_retries is not None:
        check_retries(num_retries, "num_retries")
    for name in ("timeout", "stream_timeout"):
        value = body.get(name)
        if value is not None and value <= 0:
            raise BadRequestError(f"{name} must be positive seconds.", param=name)
    names, given = _guardrails(body)
    return CallOptions(
        num_retries=num_retries,
        timeout=body.get("timeout"),
        stream_timeout=body.get("stream_timeout"),
        fallbacks=tuple(body.get("fallbacks") or ()),
        disable_fallbacks=body.get("disable_fallbacks") is True,
        drop_params=body.get("drop_params") is True,
        dropped=_dropped(body),
        allowed_params=frozenset(n for n in body.get("allowed_openai_params") or () if isinstance(n, str)),
        guardrails=names,
        guardrail_options=given or None,
        policies=_policies(body) if body.get("policies") else (),
    )


def _guardrails(body: Body) -> tuple[frozenset[str], dict[str, Mapping[str, Any]]]:
    """The guardrails that the body asks for, and what it gives them. Raises BadRequestError."""
    names: set[str] = set()
    given: dict[str, Mapping[str, Any]] = {}
    for asked in body.get("guardrails") or ():
        if isinstance(asked, dict) and len(asked) == 1:
            [(name, options)] = asked.items()
            extra = options.get("extra_body") if isinstance(options, dict) else None
            if isinstance(extra, dict):
                given[name] = extra
            asked = name
        if not isinstance(asked, str):
            raise BadRequestError('guardrails must be names, or objects such as {"name": {}}.', param="guardrails")
        names.add(asked)
    config = body.get("guardrail_config")
    if isinstance(config, dict):
        given = {"": config, **{name: {**config, **options} for name, options in given.items()}}
    return frozenset(names), given


def _policies(body: Body) -> tuple[str, ...]:
    """The policies that the body asks for, each once. Raises BadRequestError."""
    names = body["policies"]
    if len(names) > MAX_POLICIES or not all(isinstance(name, str) for name in names):
        raise BadRequestError(f"policies must be at most {MAX_POLICIES} names.", param="policies")
    return tuple(sorted(set(names)))


def check_models(principal: Principal, model: str, options: CallOptions) -> None:
    """Raises PermissionDeniedError if the caller asks, or falls back, for a model that is not his."""
    for target in (model, *options.fallbacks):
        name = target.get("model") if isinstance(target, dict) else target
        if isinstance(name, str) and name not in principal.models:
            raise PermissionDeniedError(
                f"This key may not call model {name!r}.", type="key_model_access_denied", param="model"
            )


def _dropped(body: Body) -> tuple[tuple[Step, ...], ...]:
    """What the body's own `additional_drop_params` names. Raises BadRequestError."""
    texts = body.get("additional_drop_params") or ()
    if len(texts) > MAX_DROPPED:
        raise BadRequestError(f"More than {MAX_DROPPED} additional_drop_params.", param="additional_drop_params")
    try:
        return tuple(parse_path(text) for text in texts)
    except (ValueError, TypeError) as error:
        raise BadRequestError(f"additional_drop_params: {error}.", param="additional_drop_params") from None


def read_metadata(body: Body) -> dict[str, Any]:
    """What the body tells the gateway for its records: `metadata`, and `litellm_metadata` over it."""
    metadata, more = body.get("metadata"), body.get("litellm_metadata")
    return {**metadata, **more} if metadata and more else metadata or more or {}


def read_tags(body: Body, metadata: Mapping[str, Any], header: str | None) -> tuple[str, ...]:
    """The call's tags: of the body, its metadata, and the comma-separated header; each once."""
    in_metadata = metadata.get("tags")
    tags = [*(body.get("tags") or ()), *(in_metadata if isinstance(in_metadata, list) else ())]
    if header:
        tags.extend(tag.strip() for tag in header.split(","))
    return tuple(dict.fromkeys(tag for tag in tags if isinstance(tag, str) and tag))
