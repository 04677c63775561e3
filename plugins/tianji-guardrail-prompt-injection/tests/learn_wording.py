"""Learns wording.json from the development corpus: `python tests/learn_wording.py`. Takes some seconds.

Logistic regression with a quadratic penalty, by gradient descent with momentum and a step of its own for each weight
(Adam), over all texts at once; the same corpus gives the same weights. The held-out corpus is not read.
"""

import hashlib
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

from tianji_guardrail_prompt_injection.fold import fold, words_of
from tianji_guardrail_prompt_injection.wording import pairs_of, stems_of
from tianji_guardrail_prompt_injection.words import CODES, letters_of

HERE = Path(__file__).parent
WEIGHTS = HERE.parent / "src" / "tianji_guardrail_prompt_injection" / "wording.json"
PENALTY = 1.0
STEPS = 200
RATE = 0.05
SEEN = 2
"""Texts that a feature has to occur in to get a weight."""
TELLING = 0.02
"""The least weight that is kept."""


def development(kind: str) -> list[str]:
    corpus = json.loads((HERE / "corpus" / f"development_{kind}.json").read_text(encoding="utf-8"))
    return [text for texts in corpus.values() for text in texts]


def source() -> str:
    """A digest of all that the weights depend on."""
    digest = hashlib.sha256(json.dumps([development("attacks"), development("benign"), sorted(CODES.items())]).encode())
    return digest.hexdigest()


def features(text: str) -> list[tuple[str, ...]]:
    """The stems, letters and pairs of a text, each marked with its kind."""
    words = words_of(fold(text))
    stems, letters = stems_of(words), letters_of(words)
    return [
        *(("stems", stem) for stem in stems),
        *(("letters", letter) for letter in letters),
        *(("pairs", *pair) for pair in pairs_of(stems, letters)),
    ]


def learn(attacks: list[str], benign: list[str]) -> tuple[dict[tuple[str, ...], float], float]:
    """The weight of each feature, and the bias."""
    texts = [features(text) for text in attacks + benign]
    seen = Counter(feature for text in texts for feature in set(text))
    number = {feature: place for place, feature in enumerate(sorted(f for f, times in seen.items() if times >= SEEN))}
    bias = len(number)
    rows = [[number[feature] for feature in text if feature in number] + [bias] for text in texts]
    wanted = [1.0] * len(attacks) + [0.0] * len(benign)
    weights, mean, square = ([0.0] * (bias + 1) for _ in range(3))
    for step in range(1, STEPS + 1):
        slope = [PENALTY * weight for weight in weights]
        slope[bias] = 0.0
        for row, want in zip(rows, wanted, strict=True):
            error = 1 / (1 + math.exp(-max(-30.0, min(30.0, sum([weights[at] for at in row]))))) - want
            for at in row:
                slope[at] += error
        for at, value in enumerate(slope):
            mean[at] = 0.9 * mean[at] + 0.1 * value
            square[at] = 0.999 * square[at] + 0.001 * value * value
            stride = math.sqrt(square[at] / (1 - 0.999**step)) + 1e-8
            weights[at] -= RATE * mean[at] / (1 - 0.9**step) / stride
    return {feature: weights[place] for feature, place in number.items()}, weights[bias]


def wording(attacks: list[str], benign: list[str]) -> dict[str, Any]:
    """What wording.json holds, without its source."""
    weights, bias = learn(attacks, benign)
    learned: dict[str, Any] = {"bias": round(bias, 2), "stems": {}, "letters": {}, "pairs": {}}
    for (kind, *feature), weight in weights.items():
        if abs(weight) >= TELLING:
            *before, last = feature
            known = learned[kind].setdefault(before[0], {}) if before else learned[kind]
            known[last] = round(weight, 2)
    return learned


def main() -> None:
    learned = {"source": source(), **wording(development("attacks"), development("benign"))}
    WEIGHTS.write_text(json.dumps(learned, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
