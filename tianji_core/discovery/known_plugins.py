"""Which package has which plugin. Written by scripts/plugin_index.py out of plugins/*/pyproject.toml."""

from __future__ import annotations

KNOWN: dict[str, dict[str, str]] = {
    "provider": {
        "anthropic": "tianji-provider-anthropic",
        "cerebras": "tianji-provider-cerebras",
        "databricks": "tianji-provider-databricks",
        "deepinfra": "tianji-provider-deepinfra",
        "deepseek": "tianji-provider-deepseek",
        "echo": "tianji-provider-echo",
        "fireworks_ai": "tianji-provider-fireworks-ai",
        "groq": "tianji-provider-groq",
        "hosted_vllm": "tianji-provider-hosted-vllm",
        "jina_ai": "tianji-provider-jina-ai",
        "moonshot": "tianji-provider-moonshot",
        "nvidia_nim": "tianji-provider-nvidia-nim",
        "openai": "tianji-provider-openai",
        "openrouter": "tianji-provider-openrouter",
        "perplexity": "tianji-provider-perplexity",
        "sambanova": "tianji-provider-sambanova",
        "text-completion-openai": "tianji-provider-openai",
        "together_ai": "tianji-provider-together-ai",
        "vllm": "tianji-provider-hosted-vllm",
        "voyage": "tianji-provider-voyage",
        "watsonx": "tianji-provider-watsonx",
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
