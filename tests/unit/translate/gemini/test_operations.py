"""Embeddings, pictures and speech, and which is which."""

from __future__ import annotations

import base64
import io
import struct
from typing import Any

import orjson
import pytest

from tianji_core.api.errors import (
    BadGatewayError,
    BadRequestError,
    ContentPolicyViolationError,
    UnsupportedCapabilityError,
    UnsupportedParamsError,
)
from tianji_core.api.http import Headers, Upload, UpstreamReply
from tianji_core.api.provider import Binary, ModelRequest, Operation
from tianji_core.translate.gemini.images import size_members
from tianji_core.translate.gemini.operations import answer, ask, features, supported_params
from tianji_core.translate.gemini.speech import to_wav

EMBEDDER, IMAGEN, PAINTER, SPEAKER = (
    "gemini-embedding-001",
    "imagen-4.0-generate-001",
    "gemini-3-pro-image-preview",
    "gemini-2.5-flash-preview-tts",
)


def request(operation: Operation, model: str, **body: Any) -> ModelRequest:
    return ModelRequest(operation, model, {"model": model, **body})


def read(asked: ModelRequest, value: Any) -> Any:
    return answer(asked, UpstreamReply(200, Headers(), orjson.dumps(value)), "gemini")


# -- embeddings ------------------------------------------------------------------------------------------------


def test_each_text_is_a_request_of_its_own() -> None:
    asked = ask(request("embeddings", EMBEDDER, input=["a", "b"], dimensions=2, task_type="CLUSTERING", user="u"))
    assert asked.method == "batchEmbedContents"
    own = {"model": "models/gemini-embedding-001", "outputDimensionality": 2, "taskType": "CLUSTERING"}
    assert asked.body == {"requests": [{**own, "content": {"parts": [{"text": text}]}} for text in "ab"]}


def test_files_to_embed() -> None:
    asked = ask(request("embeddings", EMBEDDER, input=["data:image/png;base64,aGk=", "data: a word"]))
    assert [each["content"]["parts"] for each in asked.body["requests"]] == [
        [{"inlineData": {"data": "aGk=", "mimeType": "image/png"}}],
        [{"text": "data: a word"}],
    ]


def test_tokens_to_embed_are_refused() -> None:
    with pytest.raises(BadRequestError, match="tokens"):
        ask(request("embeddings", EMBEDDER, input=[1, 2]))


def test_vectors() -> None:
    value = {"embeddings": [{"values": [0.5, -1.0]}]}
    found = read(request("embeddings", EMBEDDER, input="a"), value)
    assert found["data"] == [{"object": "embedding", "index": 0, "embedding": [0.5, -1.0]}]
    assert "usage" not in found, "what is not counted is left to the gateway"
    packed = read(request("embeddings", EMBEDDER, input="a", encoding_format="base64"), value)["data"][0]["embedding"]
    assert struct.unpack("<2f", base64.b64decode(packed)) == (0.5, -1.0)
    counted = read(request("embeddings", EMBEDDER, input="a"), {**value, "usageMetadata": {"promptTokenCount": 3}})
    assert counted["usage"]["prompt_tokens"] == 3


@pytest.mark.parametrize("value", [{}, {"embeddings": []}, {"embeddings": [{}]}, {"embeddings": [{"values": ["x"]}]}])
def test_vectors_that_are_none(value: Any) -> None:
    with pytest.raises(BadGatewayError):
        read(request("embeddings", EMBEDDER, input="a"), value)


# -- pictures --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        (None, {}),
        ("auto", {}),
        ("1024x1024", {"aspectRatio": "1:1", "imageSize": "1K"}),
        ("1792x1024", {"aspectRatio": "16:9", "imageSize": "1K"}),
        ("1024x1536", {"aspectRatio": "3:4", "imageSize": "1K"}),
        ("2048x2048", {"aspectRatio": "1:1", "imageSize": "2K"}),
        ("4096x4096", {"aspectRatio": "1:1", "imageSize": "4K"}),
        ("21:9", {"aspectRatio": "21:9"}),
    ],
)
def test_sizes(size: Any, wanted: Any) -> None:
    assert size_members(size) == wanted


@pytest.mark.parametrize("size", ["large", 5, "0x0x0", "1024"])
def test_sizes_that_are_none(size: Any) -> None:
    with pytest.raises(BadRequestError):
        size_members(size)


def test_imagen() -> None:
    asked = ask(request("images", IMAGEN, prompt="a fox", n=2, size="1024x1024", personGeneration="allow_adult"))
    assert asked.method == "predict"
    assert asked.body["parameters"] == {
        "sampleCount": 2,
        "aspectRatio": "1:1",
        "imageSize": "1K",
        "personGeneration": "allow_adult",
    }
    found = read(
        request("images", IMAGEN, prompt="a"),
        {"predictions": [{"bytesBase64Encoded": "aGk=", "prompt": "A red fox"}, {"gcsUri": "gs://b/a.png"}]},
    )
    assert found["data"] == [{"b64_json": "aGk=", "revised_prompt": "A red fox"}, {"url": "gs://b/a.png"}]
    older = ask(request("images", "imagen-3.0-generate-002", prompt="a", size="1024x1024"))
    assert older.body["parameters"] == {"sampleCount": 1, "aspectRatio": "1:1"}


@pytest.mark.parametrize("value", [{}, {"predictions": [{"raiFilteredReason": "Unsafe."}]}])
def test_pictures_that_the_filter_took(value: Any) -> None:
    with pytest.raises(ContentPolicyViolationError):
        read(request("images", IMAGEN, prompt="a"), value)


def test_geminis_pictures() -> None:
    upload = Upload("a.png", "image/png", io.BytesIO(b"hi"), 2)
    asked = ask(request("image_edits", PAINTER, prompt="Blue", image=[upload, upload], size="1536x1024"))
    assert asked.method == "generateContent"
    picture = {"inlineData": {"data": "aGk=", "mimeType": "image/png"}}
    assert asked.body["contents"][0]["parts"] == [picture, picture, {"text": "Blue"}]
    assert asked.body["generationConfig"] == {
        "responseModalities": ["IMAGE"],
        "imageConfig": {"aspectRatio": "4:3", "imageSize": "1K"},
    }
    more = {"generation_config": {"top_k": 1}, "image_config": {"aspect_ratio": "2:3"}, "safety_settings": []}
    asked = ask(request("images", PAINTER, prompt="Blue", **more))
    assert asked.body["generationConfig"] == {
        "responseModalities": ["IMAGE"],
        "topK": 1,
        "imageConfig": {"aspectRatio": "2:3"},
    }
    assert asked.body.keys() == {"contents", "generationConfig", "safetySettings"}
    parts = [{"text": "Here."}, {"inlineData": {"mimeType": "image/png", "data": "aGk="}}]
    found = read(
        request("images", PAINTER, prompt="a"),
        {
            "candidates": [{"content": {"parts": parts}}],
            "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 1290},
        },
    )
    assert found["data"] == [{"b64_json": "aGk="}]
    assert found["usage"]["output_tokens"] == 1290


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"candidates": [{"finishReason": "IMAGE_SAFETY"}]}, ContentPolicyViolationError),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, ContentPolicyViolationError),
        ({"candidates": [{"content": {"parts": [{"text": "No."}]}, "finishReason": "STOP"}]}, BadGatewayError),
    ],
)
def test_answers_without_a_picture(value: Any, wanted: Any) -> None:
    with pytest.raises(wanted):
        read(request("images", PAINTER, prompt="a"), value)


def test_what_pictures_cannot_be() -> None:
    with pytest.raises(UnsupportedParamsError, match="n must"):
        ask(request("images", PAINTER, prompt="a", n=2))
    with pytest.raises(UnsupportedParamsError, match="b64_json"):
        ask(request("images", IMAGEN, prompt="a", response_format="url"))
    with pytest.raises(BadRequestError):
        ask(request("images", IMAGEN, prompt=["a"]))
    with pytest.raises(UnsupportedCapabilityError):
        ask(request("image_edits", IMAGEN, prompt="a"))


# -- speech ----------------------------------------------------------------------------------------------------


def spoken(content_type: str = "audio/L16;codec=pcm;rate=16000", **body: Any) -> Any:
    sound = {"inlineData": {"mimeType": content_type, "data": base64.b64encode(b"\1\0\2\0").decode()}}
    value = {"candidates": [{"content": {"parts": [sound]}}], "usageMetadata": {"promptTokenCount": 2}}
    return read(request("speech", SPEAKER, input="Hi", **body), value)


def test_speech() -> None:
    asked = ask(
        request("speech", SPEAKER, input="Hi.", voice={"id": "Kore"}, instructions="Whisper.", labels={"a": "b"})
    )
    assert asked.body == {
        "contents": [{"role": "user", "parts": [{"text": "Whisper.\n\nHi."}]}],
        "generationConfig": {
            "responseModalities": ["AUDIO"],
            "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
        },
        "labels": {"a": "b"},
    }
    found = spoken()
    assert isinstance(found, Binary)
    assert found.content_type == "audio/wav"
    assert found.data == to_wav(b"\1\0\2\0", 16_000)
    assert found.usage is not None
    assert spoken(response_format="pcm").data == b"\1\0\2\0"
    assert spoken("audio/mpeg").content_type == "audio/mpeg"


def test_a_wav_file_has_a_right_head() -> None:
    head = struct.unpack("<4sI4s4sIHHIIHH4sI", to_wav(b"\0" * 10)[:44])
    assert head == (b"RIFF", 46, b"WAVE", b"fmt ", 16, 1, 1, 24_000, 48_000, 2, 16, b"data", 10)


def test_what_speech_cannot_be() -> None:
    with pytest.raises(UnsupportedParamsError, match="mp3"):
        ask(request("speech", SPEAKER, input="Hi", response_format="mp3"))
    with pytest.raises(BadRequestError):
        ask(request("speech", SPEAKER, input=["Hi"]))
    with pytest.raises(BadGatewayError):
        read(request("speech", SPEAKER, input="Hi"), {"candidates": []})


# -- which is which --------------------------------------------------------------------------------------------


def test_parameters_by_model() -> None:
    assert "reasoning_effort" in supported_params("gemini-2.5-flash", "chat")
    assert "reasoning_effort" not in supported_params("gemini-2.0-flash", "chat")
    assert "frequency_penalty" not in supported_params("gemini-3-pro-preview", "chat")
    assert "logit_bias" not in supported_params("gemini-2.5-flash", "chat")
    assert supported_params("x", "rerank") == frozenset()
    assert "reasoning" not in features("gemma-3-27b-it")


def test_a_stream_has_an_address_of_its_own() -> None:
    asked = request("chat", "gemini-2.5-flash", messages=[{"role": "user", "content": "Hi"}])
    asked.stream = True
    assert (ask(asked).method, ask(asked).query) == ("streamGenerateContent", "alt=sse")
