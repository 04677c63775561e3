"""Providers of model names that people write without one, as the reference allows for the models it knows."""

from __future__ import annotations

import re

_STARTS = (
    ("text-completion-openai", ("gpt-3.5-turbo-instruct", "davinci-002", "babbage-002", "ft:davinci-", "ft:babbage-")),
    ("vertex_ai", ("gemini-", "text-embedding-00", "text-multilingual-embedding-", "multimodalembedding", "imagen-")),
    (
        "openai",
        (
            "gpt-",
            "chatgpt-",
            "codex-",
            "computer-use-",
            "o1",
            "o3",
            "o4",
            "ft:gpt-",
            "ft:o",
            "text-embedding-3-",
            "text-embedding-ada-",
            "text-moderation-",
            "omni-moderation-",
            "dall-e-",
            "tts-1",
            "whisper-1",
        ),
    ),
    ("anthropic", ("claude-",)),
    ("cohere", ("command-", "c4ai-aya-", "embed-english-", "embed-multilingual-", "embed-v4", "rerank-")),
    ("deepseek", ("deepseek-",)),
    ("mistral", ("mistral-", "codestral-", "ministral-", "magistral-", "devstral-", "pixtral-", "open-mi")),
    ("ai21", ("jamba-",)),
)

_BEDROCK = re.compile(
    r"(?:(?:us|us-gov|eu|apac|au|jp|ca|sa|global)\.)?"
    r"(?:ai21|amazon|anthropic|cohere|deepseek|google|luma|meta|minimax|mistral|moonshot|moonshotai|nvidia|openai"
    r"|qwen|stability|twelvelabs|writer|zai)\.[\w-]"
)
"""Bedrock's model ids, `anthropic.claude-…`, with the region's prefix of inference profiles."""


def provider_of(model: str) -> str | None:
    """The provider that a well-known name without a prefix belongs to."""
    for provider, starts in _STARTS:
        if model.startswith(starts):
            return provider
    return "bedrock" if _BEDROCK.match(model) else None
