"""Images by `InvokeModel`: Nova Canvas, Titan, Stability AI.

Sources: Nova User Guide, "Image generation"; Bedrock User Guide, "Amazon Titan Image Generator", "Stability.ai models".
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from tianji_core.api.errors import (
    BadGatewayError,
    BadRequestError,
    ContentPolicyViolationError,
    UnsupportedCapabilityError,
)
from tianji_core.api.provider import Body
from tianji_core.translate.shapes import as_list, as_object, as_text

_OPENAI = frozenset({"model", "n", "prompt", "quality", "response_format", "size", "user"})
_SIZE = re.compile(r"(\d{2,5})x(\d{2,5})")
_RATIOS = {"16:9": 16 / 9, "1:1": 1.0, "21:9": 21 / 9, "2:3": 2 / 3, "3:2": 3 / 2, "4:5": 4 / 5, "5:4": 5 / 4}
_RATIOS.update({"9:16": 9 / 16, "9:21": 9 / 21})
_QUALITIES = {"hd": "premium", "high": "premium"}


def supported_params(name: str) -> frozenset[str]:
    """OpenAI's parameters for images that a model takes. Answers hold the images themselves."""
    if name.startswith("stability."):
        return frozenset({"response_format", "size", "user"})
    return frozenset({"n", "quality", "response_format", "size", "user"})


def build_image(body: Body, name: str) -> Body:
    """The request. Members of the model's own are passed on."""
    own = {key: value for key, value in body.items() if key not in _OPENAI and value is not None}
    if body.get("response_format") == "url":
        raise UnsupportedCapabilityError("Bedrock keeps no images: ask for b64_json.", param="response_format")
    if name.startswith("stability."):
        return {"prompt": body.get("prompt"), **_ratio(body.get("size")), **own}
    if not name.startswith(("amazon.nova-canvas", "amazon.titan-image")):
        raise UnsupportedCapabilityError("Bedrock's images here are those of Nova Canvas, Titan and Stability AI.")
    config: Body = {}
    if body.get("n") is not None:
        config["numberOfImages"] = body["n"]
    if (size := _size(body.get("size"))) is not None:
        config["width"], config["height"] = size
    if quality := as_text(body.get("quality")):
        config["quality"] = _QUALITIES.get(quality, quality if quality == "premium" else "standard")
    config.update(as_object(own.pop("imageGenerationConfig", None)))
    text = {"text": body.get("prompt"), **as_object(own.pop("textToImageParams", None))}
    request: Body = {"taskType": "TEXT_IMAGE", "textToImageParams": text, **own}
    return {**request, "imageGenerationConfig": config} if config else request


def _size(size: Any) -> tuple[int, int] | None:
    if size in (None, "auto"):
        return None
    found = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if found is None:
        raise BadRequestError("size must be like 1024x1024.", param="size")
    return int(found[1]), int(found[2])


def _ratio(size: Any) -> Body:
    """Stability's models take a ratio of the sides: the nearest one."""
    sides = _size(size)
    if sides is None:
        return {}
    wanted = sides[0] / max(sides[1], 1)
    return {"aspect_ratio": min(_RATIOS, key=lambda ratio: abs(_RATIOS[ratio] - wanted))}


def parse_images(data: bytes) -> Body:
    """The answer in OpenAI's shape.

    Raises ContentPolicyViolationError if a filter took the images away, BadGatewayError if the answer makes no sense.
    """
    try:
        answer = as_object(orjson.loads(data))
    except ValueError:
        raise BadGatewayError("The provider's answer is not JSON.") from None
    images = [each for each in as_list(answer.get("images")) if isinstance(each, str) and each]
    reasons = [reason for reason in as_list(answer.get("finish_reasons")) if isinstance(reason, str)]
    if not images:
        if why := as_text(answer.get("error")) or next(iter(reasons), ""):
            raise ContentPolicyViolationError(why[:500])
        raise BadGatewayError("The provider's answer holds no images.")
    return {"created": 0, "data": [{"b64_json": image} for image in images]}
