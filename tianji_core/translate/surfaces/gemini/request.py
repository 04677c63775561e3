"""A request of generateContent as a chat request, and what of it only Google can be asked for.

Source: the "Generating content" page of the Gemini API reference.
"""

from __future__ import annotations

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body
from tianji_core.translate.gemini.media import is_read_by_google
from tianji_core.translate.gemini.members import camel, documented, spelled_twice
from tianji_core.translate.gemini.request import TIERS
from tianji_core.translate.shapes import as_list, as_object, as_text, objects
from tianji_core.translate.surfaces.gemini.config import add_config, detail_of, wanted_type
from tianji_core.translate.surfaces.gemini.contents import messages_of, system_message
from tianji_core.translate.surfaces.gemini.parts import is_foreign
from tianji_core.translate.surfaces.gemini.tools import add_tools, foreign_tool

_MEMBERS = frozenset(
    {
        "cachedContent",
        "contents",
        "generationConfig",
        "labels",
        "modelArmorConfig",
        "safetySettings",
        "serviceTier",
        "store",
        "systemInstruction",
        "toolConfig",
        "tools",
    }
)
_ENUM = "text/x.enum"
"""The type of an answer that is one word of a list."""
_OPENAIS_TIERS = {theirs: ours for ours, theirs in TIERS.items() if ours != "auto"}


def gemini_to_chat(body: Body) -> Body:
    """The chat request that asks for the same, without a model. Raises BadRequestError for what makes no sense.

    Filters, labels and the like are left out: no other vendor has them. A cache stays, as it holds a part of the
    prompt; Google's own models are told of it by chat too.
    """
    named, rest = _named(body)
    config = as_object(named.get("generationConfig"))
    chat: Body = {"messages": messages_of(named.get("contents"), detail_of(config))}
    system = system_message(named.get("systemInstruction"))
    if system is not None:
        chat["messages"].insert(0, system)
    add_tools(named, chat)
    add_config(config, chat)
    tier = as_text(named.get("serviceTier")).lower().removeprefix("service_tier_")
    if tier and tier != "unspecified":
        chat["service_tier"] = _OPENAIS_TIERS.get(tier, tier)
    if named.get("cachedContent"):
        chat["cachedContent"] = named["cachedContent"]
    chat.update((name, value) for name, value in rest.items() if name not in chat)
    return chat


def check_sayable(body: Body) -> None:
    """Raises BadRequestError for what another vendor's model cannot be asked for."""
    named, _ = _named(body)
    if (tool := foreign_tool(named)) is not None:
        raise BadRequestError(f"The tool {tool} runs at Google, and this model is another vendor's.", param="tools")
    if named.get("cachedContent"):
        raise BadRequestError(
            "cachedContent is kept at Google, and this model is another vendor's.", param="cachedContent"
        )
    if wanted_type(as_object(named.get("generationConfig"))).lower() == _ENUM:
        raise BadRequestError(
            f"Only Google's models answer as {_ENUM}; ask for a JSON schema.", param="generationConfig"
        )
    for index, content in enumerate(as_list(named.get("contents"))):
        for part in objects(as_object(content).get("parts")):
            if is_read_by_google(as_text(as_object(part.get("fileData")).get("fileUri"))):
                raise BadRequestError(
                    f"contents[{index}]: files at Google and on YouTube are read by Google's models only.",
                    param="contents",
                )
            if is_foreign(part):
                raise BadRequestError(f"contents[{index}]: a part of an unknown kind.", param="contents")


def _named(body: Body) -> tuple[Body, Body]:
    """The members of the request under their documented names, and all others. Raises BadRequestError."""
    named: Body = {}
    rest: Body = {}
    for name, value in body.items():
        into = camel(name)
        if into not in _MEMBERS:
            rest[name] = value
            continue
        twice = into if into in named else spelled_twice(value)
        if twice is not None:
            raise BadRequestError(f"{twice!r} is named twice, in two spellings.", param=into)
        named[into] = documented(value)
    return named, rest
