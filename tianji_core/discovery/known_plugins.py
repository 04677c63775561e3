"""Which package has which plugin. Written by scripts/plugin_index.py out of plugins/*/pyproject.toml."""

from __future__ import annotations

KNOWN: dict[str, dict[str, str]] = {
    "provider": {
        "anthropic": "tianji-provider-anthropic",
        "cerebras": "tianji-provider-cerebras",
        "deepseek": "tianji-provider-deepseek",
        "echo": "tianji-provider-echo",
        "fireworks_ai": "tianji-provider-fireworks-ai",
        "groq": "tianji-provider-groq",
        "openai": "tianji-provider-openai",
        "perplexity": "tianji-provider-perplexity",
        "sambanova": "tianji-provider-sambanova",
        "text-completion-openai": "tianji-provider-openai",
        "together_ai": "tianji-provider-together-ai",
        "xai": "tianji-provider-xai",
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
