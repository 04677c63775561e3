"""Run by a Python that has litellm: what its calculator says of models and usages. JSON in on stdin, JSON out."""

import json
import os
import sys
from datetime import UTC, datetime

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
from litellm.cost_calculator import batch_cost_calculator, default_image_cost_calculator
from litellm.litellm_core_utils.llm_cost_calc.utils import generic_cost_per_token
from litellm.llms.openai.cost_calculation import cost_per_second
from litellm.types.utils import CompletionTokensDetailsWrapper, PromptTokensDetailsWrapper, Usage


def block(usage):
    return Usage(
        prompt_tokens=usage["prompt_tokens"],
        completion_tokens=usage["completion_tokens"],
        total_tokens=usage["prompt_tokens"] + usage["completion_tokens"],
        prompt_tokens_details=PromptTokensDetailsWrapper(**usage.get("prompt_tokens_details") or {}),
        completion_tokens_details=CompletionTokensDetailsWrapper(**usage.get("completion_tokens_details") or {}),
    )


def tokens(model, provider, usage, tier):
    at = datetime.fromtimestamp(0, UTC)
    return generic_cost_per_token(model, block(usage), provider, tier or None, current_time=at)


def batch(model, provider, usage):
    return batch_cost_calculator(block(usage), model, provider)


def seconds(model, provider, number):
    return cost_per_second(model, provider, number)


def images(model, provider, number, size, quality):
    return 0.0, default_image_cost_calculator(model, provider, quality, number, size)


KINDS = {"tokens": tokens, "batch": batch, "seconds": seconds, "images": images}


def cost(kind, *asked):
    try:
        return KINDS[kind](*asked)
    except Exception:
        return None


def main():
    asked = json.load(sys.stdin)
    known = {name: litellm.model_cost[name] for name in {a[1] for a in asked} if name in litellm.model_cost}
    known = {name: {k: v for k, v in entry.items() if v is not None} for name, entry in known.items()}
    real = os.dup(1)
    os.dup2(2, 1)  # it prints hints on stdout
    costs = [cost(*each) for each in asked]
    sys.stdout.flush()
    os.dup2(real, 1)
    json.dump({"models": known, "costs": costs}, sys.stdout)


main()
