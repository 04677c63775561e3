"""Which package has which plugin. Written by scripts/plugin_index.py out of plugins/*/pyproject.toml."""

from __future__ import annotations

KNOWN: dict[str, dict[str, str]] = {
    "provider": {
        "ai21": "tianji-provider-ai21",
        "ai21_chat": "tianji-provider-ai21",
        "anthropic": "tianji-provider-anthropic",
        "azure": "tianji-provider-azure",
        "azure_ai": "tianji-provider-azure-ai",
        "azure_text": "tianji-provider-azure",
        "codestral": "tianji-provider-mistral",
        "cohere": "tianji-provider-cohere",
        "cohere_chat": "tianji-provider-cohere",
        "echo": "tianji-provider-echo",
        "github": "tianji-provider-github",
        "groq": "tianji-provider-groq",
        "mistral": "tianji-provider-mistral",
        "openai": "tianji-provider-openai",
        "text-completion-codestral": "tianji-provider-mistral",
        "text-completion-openai": "tianji-provider-openai",
    },
    "routing_strategy": {
        "latency-based-routing": "tianji-routing-latency",
    },
    "callback": {
        "generic_api": "tianji-callback-generic-api",
    },
    "guardrail": {
        "prompt_injection": "tianji-guardrail-prompt-injection",
    },
}
