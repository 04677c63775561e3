"""Pictures: Imagen by `:predict`, and Gemini's image models by generateContent, in OpenAI's form.

Sources: Google's "Imagen" and "Image generation" pages, for both hosts.
"""

from __future__ import annotations

import base64
import re
from typing import Any

from tianji_core.api.errors import (
    BadGatewayError,
    BadRequestError,
    ContentPolicyViolationError,
    UnsupportedParamsError,
)
from tianji_core.api.http import Upload
from tianji_core.api.provider import Body
from tianji_core.translate.gemini.members import given_config, own_config, passed_on
from tianji_core.translate.gemini.parts import PartsReader
from tianji_core.translate.gemini.response import NO_CLOCK, blocking
from tianji_core.translate.gemini.usage import openai_usage
from tianji_core.translate.shapes import as_list, as_object, as_text, objects

_SIZE = re.compile(r"(\d{2,5})x(\d{2,5})")
_RATIO = re.compile(r"\d{1,2}:\d{1,2}")
_RATIOS = {"1:1": 1.0, "3:4": 3 / 4, "4:3": 4 / 3, "9:16": 9 / 16, "16:9": 16 / 9}
_TRANSLATED = frozenset({"image", "model", "n", "prompt", "response_format", "size", "user"})


def images_to_imagen(body: Body, model: str) -> Body:
    """OpenAI's request for pictures as one of Imagen. Other members are Imagen's own parameters."""
    _check(body)
    size = size_members(body.get("size"), resolution="imagen-3" not in model)
    parameters: Body = {"sampleCount": body.get("n") or 1, **size}
    parameters.update((name, value) for name, value in body.items() if name not in _TRANSLATED and value is not None)
    return {"instances": [{"prompt": body.get("prompt")}], "parameters": parameters}


def images_to_gemini(body: Body, model: str, *, drop: bool = False) -> Body:
    """The same for Gemini's image models, with the pictures to change if there are any."""
    _check(body)
    if (body.get("n") or 1) != 1 and not drop:
        raise UnsupportedParamsError("Gemini makes one picture for each request: n must be 1.", param="n")
    given = body.get("image")
    uploads = [each for each in (given if isinstance(given, list) else [given]) if isinstance(each, Upload)]
    parts: list[Body] = [
        {"inlineData": {"data": base64.b64encode(each.read()).decode(), "mimeType": each.content_type}}
        for each in uploads
    ]
    config: Body = {**given_config(body), "responseModalities": ["IMAGE"]}
    if size := size_members(body.get("size"), resolution="gemini-2" not in model):
        config["imageConfig"] = size
    config.update(own_config(body))
    contents = [{"role": "user", "parts": [*parts, {"text": body.get("prompt")}]}]
    return {"contents": contents, "generationConfig": config, **passed_on(body, _TRANSLATED)}


def imagen_to_images(answer: dict[str, Any]) -> Body:
    """Imagen's answer in OpenAI's form. Raises ContentPolicyViolationError if its filter left nothing."""
    found = objects(answer.get("predictions"))
    data: list[Body] = []
    for each in found:
        if encoded := as_text(each.get("bytesBase64Encoded")):
            image: Body = {"b64_json": encoded}
            if prompt := as_text(each.get("prompt")):
                image["revised_prompt"] = prompt
            data.append(image)
        elif address := as_text(each.get("gcsUri")):
            data.append({"url": address})
    if data:
        return {"created": NO_CLOCK, "data": data}
    reason = next((as_text(each.get("raiFilteredReason")) for each in found if each.get("raiFilteredReason")), "")
    if reason or "predictions" not in answer:
        # With everything filtered Imagen answers with an empty object.
        raise ContentPolicyViolationError(reason or "The provider's filter left none of the pictures.")
    raise BadGatewayError("The provider's answer holds no picture.")


def gemini_to_images(answer: dict[str, Any]) -> Body:
    """The pictures that a Gemini model made. Raises ContentPolicyViolationError where the filter left none."""
    candidates = objects(answer.get("candidates"))
    contents = (as_object(each.get("content")).get("parts") for each in candidates)
    images = [image for parts in contents for image in PartsReader().read(as_list(parts)).images]
    if not images:
        refused = blocking(answer) is not None or any(
            as_text(each.get("finishReason")) not in ("", "STOP", "MAX_TOKENS") for each in candidates
        )
        if refused:
            raise ContentPolicyViolationError("The provider's filter left none of the pictures.")
        raise BadGatewayError("The provider's answer holds no picture.")
    data = [{"b64_json": image["image_url"]["url"].partition(",")[2]} for image in images]
    made: Body = {"created": NO_CLOCK, "data": data}
    if (usage := openai_usage(answer.get("usageMetadata"))) is not None:
        details = usage["prompt_tokens_details"]
        made["usage"] = {
            "input_tokens": usage["prompt_tokens"],
            "output_tokens": usage["completion_tokens"],
            "total_tokens": usage["total_tokens"],
            "input_tokens_details": {name: details.get(name, 0) for name in ("text_tokens", "image_tokens")},
        }
    return made


def size_members(size: Any, *, resolution: bool = True) -> Body:
    """`aspectRatio` and `imageSize` for OpenAI's `size`: the nearest ratio, and 1K, 2K or 4K for the longer side.

    Older models have one `resolution` only. A ratio such as `16:9` may be given as it is. Raises BadRequestError for
    what is no size.
    """
    if size is None or size == "auto":
        return {}
    if not isinstance(size, str):
        raise BadRequestError("size must be a string.", param="size")
    if _RATIO.fullmatch(size):
        return {"aspectRatio": size}
    match = _SIZE.fullmatch(size)
    if match is None:
        raise BadRequestError("size must be like 1024x1024, or a ratio like 16:9.", param="size")
    width, height = max(int(match[1]), 1), max(int(match[2]), 1)
    members: Body = {"aspectRatio": min(_RATIOS, key=lambda name: abs(_RATIOS[name] - width / height))}
    if resolution:
        longer = max(width, height)
        members["imageSize"] = "4K" if longer >= 4096 else "2K" if longer >= 2048 else "1K"
    return members


def _check(body: Body) -> None:
    if body.get("response_format") not in (None, "b64_json"):
        raise UnsupportedParamsError("Google's pictures come as b64_json only.", param="response_format")
    if not isinstance(body.get("prompt"), str):
        raise BadRequestError("prompt must be a string.", param="prompt")
