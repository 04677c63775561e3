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
        "cerebras": "tianji-provider-cerebras",
        "codestral": "tianji-provider-mistral",
        "cohere": "tianji-provider-cohere",
        "cohere_chat": "tianji-provider-cohere",
        "databricks": "tianji-provider-databricks",
        "deepinfra": "tianji-provider-deepinfra",
        "deepseek": "tianji-provider-deepseek",
        "echo": "tianji-provider-echo",
        "fireworks_ai": "tianji-provider-fireworks-ai",
        "github": "tianji-provider-github",
        "groq": "tianji-provider-groq",
        "hosted_vllm": "tianji-provider-hosted-vllm",
        "jina_ai": "tianji-provider-jina-ai",
        "mistral": "tianji-provider-mistral",
        "moonshot": "tianji-provider-moonshot",
        "nvidia_nim": "tianji-provider-nvidia-nim",
        "openai": "tianji-provider-openai",
        "openrouter": "tianji-provider-openrouter",
        "perplexity": "tianji-provider-perplexity",
        "sambanova": "tianji-provider-sambanova",
        "text-completion-codestral": "tianji-provider-mistral",
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
