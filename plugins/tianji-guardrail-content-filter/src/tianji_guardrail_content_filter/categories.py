"""Categories of content by their words: a beginning, for those who have no list of their own.

Each phrase has a severity. They are what people say outright; whoever paraphrases gets past them, as past any list.
"""

from __future__ import annotations

from typing import Final, Literal

Severity = Literal["low", "medium", "high"]
ORDER: Final[dict[str, int]] = {"low": 1, "medium": 2, "high": 3}

CATEGORIES: Final[dict[str, dict[Severity, tuple[str, ...]]]] = {
    "harmful_self_harm": {
        "high": (
            "how to kill myself", "how to commit suicide", "best way to end my life", "painless suicide method",
            "how to cut myself", "suicide methods", "lethal dose for suicide",
        ),
        "medium": ("want to kill myself", "want to end my life", "i want to die", "i should hurt myself"),
        "low": ("self harm", "self-harm", "suicidal thoughts"),
    },
    "harmful_violence": {
        "high": (
            "how to kill someone", "how to murder", "plan a mass shooting", "how to poison someone",
            "how to stab someone", "how to attack a school",
        ),
        "medium": ("i will kill you", "i am going to hurt", "beat him to death", "beat her to death"),
        "low": ("bloodbath", "massacre"),
    },
    "harmful_illegal_weapons": {
        "high": (
            "how to make a bomb", "how to build a bomb", "build a pipe bomb", "make a pipe bomb",
            "how to make explosives", "make nerve gas", "synthesize sarin", "make a ghost gun",
            "3d print a gun", "make a molotov cocktail",
        ),
        "medium": ("convert to full auto", "remove a serial number from a gun", "buy a gun without a background check"),
        "low": ("silencer plans", "homemade explosives"),
    },
    "harmful_drugs": {
        "high": ("how to cook meth", "synthesize methamphetamine", "how to make crack", "make fentanyl"),
        "medium": ("buy cocaine online", "buy heroin online", "where to buy meth"),
        "low": ("get high on",),
    },
    "denied_financial_advice": {
        "high": ("which stocks should i buy", "should i buy this stock", "should i invest in", "where should i invest"),
        "medium": ("is it a good time to buy", "best stocks to buy", "investment advice"),
        "low": ("stock tip", "portfolio advice"),
    },
    "denied_medical_advice": {
        "high": ("should i stop taking my medication", "what dose should i take", "diagnose my symptoms"),
        "medium": ("what medication should i take", "do i have cancer", "medical advice"),
        "low": ("is this rash", "my symptoms are"),
    },
    "denied_legal_advice": {
        "high": ("should i sue", "how do i sue", "should i plead guilty", "draft my will"),
        "medium": ("legal advice", "can i be arrested for", "is my contract valid"),
        "low": ("my legal rights",),
    },
}  # fmt: skip
