"""Run by a Python that has litellm: what its calculator says of models and usages. JSON in on stdin, JSON out."""

import json
import os
import sys
from datetime import UTC, datetime

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
from litellm.litellm_core_utils.llm_cost_calc.utils import generic_cost_per_token
from litellm.types.utils import CompletionTokensDetailsWrapper, PromptTokensDetailsWrapper, Usage


def cost(model, provider, usage, tier):
    try:
        block = Usage(
            prompt_tokens=usage["prompt_tokens"],
            completion_tokens=usage["completion_tokens"],
            total_tokens=usage["prompt_tokens"] + usage["completion_tokens"],
            prompt_tokens_details=PromptTokensDetailsWrapper(**usage.get("prompt_tokens_details") or {}),
            completion_tokens_details=CompletionTokensDetailsWrapper(**usage.get("completion_tokens_details") or {}),
        )
        at = datetime.fromtimestamp(0, UTC)
        return generic_cost_per_token(model, block, provider, tier or None, current_time=at)
    except Exception:
        return None


def main():
    asked = json.load(sys.stdin)
    known = {name: litellm.model_cost[name] for name in {a[0] for a in asked} if name in litellm.model_cost}
    known = {name: {k: v for k, v in entry.items() if v is not None} for name, entry in known.items()}
    real = os.dup(1)
    os.dup2(2, 1)  # it prints hints on stdout
    costs = [cost(name, *rest) for name, *rest in asked]
    sys.stdout.flush()
    os.dup2(real, 1)
    json.dump({"models": known, "costs": costs}, sys.stdout)


main()
