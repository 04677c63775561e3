"""A chat, or the wish for an image, as the inputs of a prediction.

Source: Replicate's HTTP API reference (`input`) and the API pages of its official models.
"""

from __future__ import annotations

import math
from typing import Any

from tianji_core.api.errors import BadRequestError, UnsupportedCapabilityError, UnsupportedParamsError
from tianji_core.api.provider import Body
from tianji_core.translate.sizes import sides_of
from tianji_provider_replicate.models import Inputs, inputs_of, is_official

CHAT_PARAMS = frozenset({"max_completion_tokens", "max_tokens", "seed", "stop", "temperature", "top_p", "user"})
IMAGES_PARAMS = frozenset({"n", "output_format", "response_format", "size", "user"})
_NOT_INPUT = frozenset({"messages", "model", "n", "prompt", "response_format", "size", "stop", "stream", "user"})
_RATIOS = {"7:4": "16:9", "4:7": "9:16"}
"""The shapes of DALL·E 3, for which models have no word; the nearest one that they have."""


def chat_input(body: Body, *, drop: bool) -> Body:
    """The inputs of a chat. Raises UnsupportedParamsError, unless `drop`, for a stop sequence with a comma in it."""
    names = inputs_of(body["model"])
    sent = _conversation(body["messages"], names)
    for name, value in body.items():
        if value is None or name in _NOT_INPUT or name == "stream_options":
            continue
        sent[names.length if name in ("max_tokens", "max_completion_tokens") else name] = value
    if stop := _stop(body.get("stop"), drop):
        sent["stop_sequences"] = stop
    return sent


def image_input(body: Body) -> Body:
    """The inputs of an image: most models have a ratio of the sides, the oldest ones have the sides themselves."""
    sent = {"prompt": body["prompt"]}
    sent.update({name: value for name, value in body.items() if value is not None and name not in _NOT_INPUT})
    if body.get("n") not in (None, 1):
        sent["num_outputs"] = body["n"]
    if body.get("size") not in (None, "auto"):
        width, height = _sides(body["size"])
        if is_official(body["model"]):
            divisor = math.gcd(width, height)
            ratio = f"{width // divisor}:{height // divisor}"
            sent.setdefault("aspect_ratio", _RATIOS.get(ratio, ratio))
        else:
            sent.update(width=width, height=height)
    return sent


def _conversation(messages: list[Any], names: Inputs) -> Body:
    """The messages as `messages`, or as one prompt in the way that the model wants it."""
    turns: list[tuple[str, str]] = []
    images: list[str] = []
    for message in messages:
        if not isinstance(message, dict):
            continue
        role = str(message.get("role"))
        if role in ("tool", "function") or message.get("tool_calls"):
            raise UnsupportedCapabilityError("Models on Replicate have no tools.", param="messages")
        text, more = _content(message.get("content"))
        turns.append(("system" if role == "developer" else role, text))
        images += more
    sent: Body
    if names.messages:
        sent = {names.messages: [{"role": role, "content": text} for role, text in turns]}
    elif names.template:
        # The models of this kind put a prompt into a template of their own, unless they are given another.
        sent = {"prompt": llama3_prompt(turns), "prompt_template": "{prompt}"}
    else:
        system = "\n\n".join(text for role, text in turns if role == "system") if names.system else ""
        rest = [turn for turn in turns if turn[0] != "system"] if names.system else turns
        sent = {"prompt": plain_prompt(rest)}
        if names.system and system:
            sent[names.system] = system
    if images:
        sent |= _images(images, names)
    return sent


def llama3_prompt(turns: list[tuple[str, str]]) -> str:
    """Llama 3's template (Meta's model card, "Prompt format")."""
    said = "".join(f"<|start_header_id|>{role}<|end_header_id|>\n\n{text}<|eot_id|>" for role, text in turns)
    return f"<|begin_of_text|>{said}<|start_header_id|>assistant<|end_header_id|>\n\n"


def plain_prompt(turns: list[tuple[str, str]]) -> str:
    """One question as it is, with what the system says above it; a conversation with who speaks."""
    system = [text for role, text in turns if role == "system"]
    rest = [turn for turn in turns if turn[0] != "system"]
    if len(rest) == 1:
        return "\n\n".join([*system, rest[0][1]])
    said = [f"{'Assistant' if role == 'assistant' else 'User'}: {text}" for role, text in rest]
    return "\n\n".join([*system, *said, "Assistant:"])


def _content(content: Any) -> tuple[str, list[str]]:
    """Text and addresses of images; Replicate takes data URIs as well. Refuses other kinds of input."""
    if content is None or isinstance(content, str):
        return content or "", []
    texts, images = [], []
    for part in content if isinstance(content, list) else ():
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text":
            texts.append(str(part.get("text") or ""))
        elif kind == "image_url":
            media = part.get("image_url")
            url = media.get("url") if isinstance(media, dict) else media
            if not isinstance(url, str) or not url.lower().startswith(("https://", "http://", "data:")):
                raise BadRequestError("An image_url part needs an http, https or data URL.", param="messages")
            images.append(url)
        elif kind not in ("thinking", "redacted_thinking"):
            raise UnsupportedCapabilityError(f"Replicate takes text and images, no {kind} parts.", param="messages")
    return "".join(texts), images


def _images(images: list[str], names: Inputs) -> Body:
    if names.images is None:
        raise UnsupportedCapabilityError("This model takes no images.", param="messages")
    if not names.one_image:
        return {names.images: images}
    if len(images) > 1:
        raise BadRequestError("This model takes one image.", param="messages")
    return {names.images: images[0]}


def _stop(stop: Any, drop: bool) -> str:
    """Stop sequences, which models on Replicate take with commas between them."""
    sequences = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    texts = [text for text in sequences if isinstance(text, str) and text]
    if any("," in text for text in texts):
        if not drop:
            raise UnsupportedParamsError("A stop sequence cannot have a comma in it here.", param="stop")
        texts = [text for text in texts if "," not in text]
    return ",".join(texts)


def _sides(size: Any) -> tuple[int, int]:
    sides = sides_of(size)
    if sides is None or 0 in sides:
        raise BadRequestError("size is WIDTHxHEIGHT.", param="size")
    return sides
