"""Which vocabulary a model's tokenizer has, going by the model's name.

The pairs come from the model cards of the vendors that publish their tokenizers. Claude, Gemini, Grok, Nova and others
have none in public: for them OpenAI's newest vocabulary is the nearest that there is, and the count is an estimate.
"""

from __future__ import annotations

import re
from functools import lru_cache

NEAREST = "o200k_base"
OPENAI = frozenset({"o200k_base", "cl100k_base", "gpt-oss"})
"""The vocabularies that are OpenAI's."""

_FAMILIES = tuple(
    (re.compile(pattern), vocabulary)
    for pattern, vocabulary in (
        # Distilled models keep the tokenizer of the model that was taught, so these names come before deepseek's.
        (r"llama-?3|llama-?v3|distill-llama", "llama3"),
        (r"qwen-?[23](?!\.5)|qwen2\.5|qwq|distill-qwen|qwen-(max|plus|turbo|coder)", "qwen3"),
        (r"gpt-?oss", "gpt-oss"),
        (r"gpt-4o|gpt-4\.[15]|gpt-[5-9]|chatgpt-4o|\bo[134](-|$)|codex-mini", "o200k_base"),
        (r"gpt-4|gpt-3\.5|text-embedding-(3|ada)", "cl100k_base"),
        (r"code-?llama", "codellama"),
        (r"llama-?2|tinyllama|vicuna", "llama2"),
        (r"deepseek", "deepseek_v3"),
        (r"mixtral|mistral-7b|mistral-tiny", "mistral_v1"),
        (r"mistral|ministral|codestral|devstral|magistral|pixtral", "mistral_v3"),
        (r"kimi-?k3", "kimi_k3"),
        (r"kimi|moonshot-v1", "kimi_k2"),
        (r"glm-?4", "glm4"),
        (r"phi-?4", "phi4"),
        (r"olmo-?2", "olmo2"),
    )
)


@lru_cache(maxsize=1024)
def vocabulary_of(model: str) -> str | None:
    """The vocabulary of a model's own tokenizer, None where none is known."""
    name = model.lower().replace("_", "-")
    return next((vocabulary for pattern, vocabulary in _FAMILIES if pattern.search(name)), None)
