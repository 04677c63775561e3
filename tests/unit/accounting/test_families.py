"""Model names and the vocabularies of their tokenizers."""

from __future__ import annotations

import pytest

from tianji_core.accounting.families import vocabulary_of

splintr = pytest.importorskip("splintr")


@pytest.mark.parametrize(
    ("model", "vocabulary"),
    [
        ("gpt-4o-mini-2024-07-18", "o200k_base"),
        ("gpt-5.1", "o200k_base"),
        ("gpt-4.1-nano", "o200k_base"),
        ("o3-mini", "o200k_base"),
        ("openai/gpt-oss-120b", "gpt-oss"),
        ("gpt-4-turbo", "cl100k_base"),
        ("gpt-35-turbo", None),
        ("gpt-3.5-turbo", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("meta-llama/Llama-3.3-70B-Instruct-Turbo", "llama3"),
        ("llama-v3p1-8b-instruct", "llama3"),
        ("us.meta.llama3-2-1b-instruct-v1:0", "llama3"),
        ("llama-4-scout", None),
        ("llama2", "llama2"),
        ("codellama:7b", "codellama"),
        ("Qwen/Qwen2.5-72B-Instruct", "qwen3"),
        ("qwen3-32b", "qwen3"),
        ("qwen3.5-plus", None),
        ("deepseek-chat", "deepseek_v3"),
        ("deepseek-r1-distill-llama-70b", "llama3"),
        ("DeepSeek-R1-Distill-Qwen-32B", "qwen3"),
        ("mistral-large-latest", "mistral_v3"),
        ("mixtral-8x7b-32768", "mistral_v1"),
        ("kimi-k2-instruct", "kimi_k2"),
        ("zai-org/GLM-4.6", "glm4"),
        ("phi-4", "phi4"),
        ("claude-sonnet-4-5", None),
        ("gemini-2.5-flash", None),
        ("foo1", None),
        ("", None),
    ],
)
def test_by_name(model, vocabulary):
    assert vocabulary_of(model) == vocabulary
    if vocabulary is not None:
        assert splintr.Tokenizer.from_pretrained(vocabulary).encode_ordinary("Hello")
