"""What a model's name says: where its predictions are made, and what it calls its inputs.

Every model on Replicate has inputs of its own. The names here are from the API pages of the official models
(https://replicate.com/collections/official); a name that is not known is treated as a community model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from tianji_core.api.errors import BadRequestError

_SEGMENT = r"[A-Za-z0-9][\w.-]*"
_VERSION = r"[0-9a-f]{64}"
_NAME = re.compile(
    rf"(?P<deployment>deployments/{_SEGMENT}/{_SEGMENT})"
    rf"|(?P<model>{_SEGMENT}/{_SEGMENT})"
    rf"|(?:{_SEGMENT}/{_SEGMENT}:)?(?P<version>{_VERSION})",
    re.ASCII,
)


class Target(NamedTuple):
    """Where predictions of a model are made: the path below the API's base, and the version that the body names."""

    path: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a model calls the inputs that OpenAI has too; None where it has none."""

    length: str = "max_tokens"
    system: str | None = None
    messages: str | None = None
    images: str | None = None
    one_image: bool = False
    effort: bool = False
    template: str | None = None


COMMUNITY = Inputs(length="max_new_tokens")
_LLAMA = re.compile(r"llama-3.*instruct", re.IGNORECASE)
_OWNERS = {
    "anthropic": Inputs(system="system_prompt", images="image", one_image=True),
    "google": Inputs(length="max_output_tokens", system="system_instruction", images="images"),
    "openai": Inputs(length="max_completion_tokens", messages="messages", images="image_input"),
}
_REASONS = re.compile(r"openai/(gpt-5|o\d)")


def target_of(model: str) -> Target:
    """Where to make a prediction. Raises BadRequestError for a name that is none of Replicate's."""
    found = _NAME.fullmatch(model)
    if found is None:
        raise BadRequestError(
            "A Replicate model is owner/name, owner/name:version, a version, or deployments/owner/name.", param="model"
        )
    if found["version"]:
        return Target("/predictions", found["version"])
    if found["deployment"]:
        return Target(f"/{found['deployment']}/predictions")
    return Target(f"/models/{found['model']}/predictions")


def is_official(model: str) -> bool:
    """Whether the name is one of a model without a version, which only official ones may be run by."""
    found = _NAME.fullmatch(model)
    return found is not None and found["model"] is not None


def inputs_of(model: str) -> Inputs:
    """What the model calls its inputs."""
    owner, _, name = model.partition("/")
    if _LLAMA.search(name):
        # `max_new_tokens` is their older word for `max_tokens`, and the only one of their community versions.
        return Inputs(length="max_new_tokens", template="llama3")
    if not is_official(model):
        return COMMUNITY
    if _REASONS.match(model):
        return Inputs(length="max_completion_tokens", messages="messages", images="image_input", effort=True)
    return _OWNERS.get(owner, Inputs(length="max_new_tokens") if owner == "meta" else Inputs())
