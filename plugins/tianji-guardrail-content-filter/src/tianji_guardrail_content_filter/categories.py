"""Categories of content by their words: a beginning, for those who have no list of their own.

Each phrase has a severity. They are what people say outright; whoever paraphrases gets past them, as past any list.
"""

from __future__ import annotations

from typing import Final, Literal

Severity = Literal["low", "medium", "high"]
ORDER: Final[dict[str, int]] = {"low": 1, "medium": 2, "high": 3}

HARM: Final[dict[str, dict[Severity, tuple[str, ...]]]] = {
    "harmful_self_harm": {
        "high": (
            "how to kill myself", "how do i kill myself", "how can i kill myself", "ways to kill myself",
            "how to commit suicide", "how to end my life", "best way to end my life", "easiest way to die",
            "painless suicide", "painless way to die", "suicide methods", "lethal dose for suicide",
            "how many pills to die", "how many pills would kill me", "how to hang myself", "how to cut myself",
            "write my suicide note", "write a suicide note", "how to starve myself", "how to hide an eating disorder",
        ),
        "medium": (
            "want to kill myself", "going to kill myself", "want to end my life", "i want to die", "i wish i was dead",
            "i should hurt myself", "want to hurt myself", "better off dead", "kill yourself", "pro ana", "thinspo",
        ),
        "low": ("self harm", "self-harm", "suicidal", "suicide", "cutting myself", "purging", "overdose"),
    },
    "harmful_violence": {
        "high": (
            "how to kill someone", "how to kill a person", "how to kill my", "how to murder", "get away with murder",
            "plan a mass shooting", "plan a school shooting", "how to poison someone", "how to stab someone",
            "how to strangle", "how to attack a school", "hire a hitman", "how to kidnap", "how to torture",
            "how to dispose of a body", "how to hide a body", "how to dismember",
        ),
        "medium": (
            "i will kill you", "i am going to kill", "i'm going to kill", "going to shoot up", "beat him to death",
            "beat her to death", "make him suffer", "make her suffer", "plan an attack on", "slit his throat",
            "slit her throat", "burn down his house", "burn down her house",
        ),
        "low": ("bloodbath", "massacre", "murder", "assassinate", "stab", "strangle", "hitman"),
    },
    "harmful_illegal_weapons": {
        "high": (
            "how to make a bomb", "how to build a bomb", "make a bomb", "build a bomb", "build a pipe bomb",
            "make a pipe bomb", "make explosives", "how to make explosives", "make nerve gas", "make mustard gas",
            "synthesize sarin", "make sarin", "make ricin", "make a ghost gun", "3d print a gun",
            "make a molotov cocktail",
            "make napalm", "make thermite", "build a detonator", "make a dirty bomb", "weaponize anthrax", "make tatp",
            "make anfo", "build an ied",
        ),
        "medium": (
            "convert to full auto", "convert a rifle to full auto", "remove a serial number from a gun",
            "file off the serial number", "buy a gun without a background check", "buy a gun on the dark web",
            "make a silencer", "build a silencer", "auto sear", "pipe bomb", "nail bomb",
        ),
        "low": ("silencer plans", "homemade explosives", "bomb", "explosives", "ghost gun", "untraceable gun"),
    },
    "harmful_drugs": {
        "high": (
            "how to cook meth", "cook meth", "synthesize methamphetamine", "synthesize meth", "make methamphetamine",
            "how to make crack", "make fentanyl", "synthesize fentanyl", "make heroin", "synthesize mdma", "make lsd",
        ),
        "medium": (
            "buy cocaine online", "buy heroin online", "buy fentanyl", "where to buy meth", "where to buy cocaine",
            "drugs on the dark web", "how to smuggle drugs", "pass a drug test",
        ),
        "low": ("get high on", "cocaine", "heroin", "methamphetamine", "fentanyl"),
    },
    "harmful_child_safety": {
        "high": (
            "sexualize a child", "sexual content with a minor", "sexual story about a child", "sex with a child",
            "sex with a minor", "child porn", "child pornography", "nude children", "naked children", "csam",
            "groom a child", "groom a minor", "lolicon", "jailbait",
        ),
        "medium": (
            "attracted to children", "meet underage", "underage sex", "sexy child",
            "keep it secret from your parents",
        ),
        "low": ("underage", "grooming"),
    },
}  # fmt: skip
BIAS: Final[dict[str, dict[Severity, tuple[str, ...]]]] = {
    "bias_gender": {
        "high": (
            "women are inferior", "men are superior", "women belong in the kitchen", "women should not vote",
            "women should not work", "women are too emotional to", "women cannot lead", "women can't lead",
            "don't hire women", "do not hire women", "never hire a woman", "men are trash", "all men are rapists",
        ),
        "medium": (
            "women are bad drivers", "women are bad at math", "women are worse at", "women can't code",
            "like a girl", "man up", "too emotional for a woman", "a woman's place", "boys will be boys",
            "real men don't",
        ),
        "low": ("gold digger", "bossy woman", "hysterical woman", "not a job for women", "not a job for men"),
    },
    "bias_sexual_orientation": {
        "high": (
            "gay people are sick", "homosexuality is a disease", "homosexuality is a sin", "gays are sinners",
            "cure homosexuality", "pray the gay away", "trans people are mentally ill",
            "transgender is a mental illness",
            "gay people should not", "gays should be", "don't hire gay", "do not hire gay", "trans people should not",
        ),
        "medium": (
            "conversion therapy works", "gay agenda", "trans agenda", "not a real woman", "not a real man",
            "lifestyle choice of gay", "groomers are gay",
        ),
        "low": ("that's so gay", "no homo", "gay lifestyle"),
    },
    "bias_racial": {
        "high": (
            "white people are superior", "white race is superior", "black people are inferior", "inferior race",
            "superior race", "race mixing is wrong", "go back to africa", "go back to mexico", "go back to china",
            "don't hire black", "do not hire black", "don't hire mexicans", "white power", "master race",
            "blacks are criminals", "black people are criminals", "mexicans are criminals", "asians are taking over",
        ),
        "medium": (
            "black people are lazy", "mexicans are lazy", "all asians are", "all blacks are", "all whites are",
            "all mexicans are", "go back to your country", "great replacement", "black people are violent",
        ),
        "low": ("you people always", "speak english here", "articulate for a black", "where are you really from"),
    },
    "bias_religious": {
        "high": (
            "muslims are terrorists", "all muslims are", "islam is a cancer", "jews control the world",
            "jews control the media", "jews control the banks", "christians are stupid", "ban all muslims",
            "don't hire muslims", "do not hire muslims", "don't hire jews", "do not hire jews", "gas the jews",
            "hindus are inferior",
        ),
        "medium": (
            "muslims hate us", "jews are greedy", "all jews are", "all christians are", "all hindus are",
            "religion of terror", "religious people are stupid", "jewish conspiracy",
        ),
        "low": ("sharia takeover", "bible thumper", "religious nut"),
    },
    "age_discrimination": {
        "high": (
            "too old to hire", "too old for the job", "no one over 40", "nobody over 40", "don't hire older",
            "do not hire older", "only hire young", "reject applicants over", "filter out older",
        ),
        "medium": (
            "too old to learn", "digital natives only", "young team only", "recent graduates only",
            "old people can't",
        ),
        "low": ("overqualified because of age", "boomers are", "cultural fit for young"),
    },
    "disability": {
        "high": (
            "don't hire disabled", "do not hire disabled", "reject disabled", "no disabled people",
            "disabled people can't work", "filter out disabled", "avoid hiring disabled", "too disabled to",
        ),
        "medium": (
            "disabled people are a burden", "able-bodied only", "no wheelchair users",
            "avoid candidates with a disability",
        ),
        "low": ("crippled", "wheelchair-bound", "suffers from a disability"),
    },
    "military_status": {
        "high": (
            "don't hire veterans", "do not hire veterans", "reject veterans", "filter out veterans", "no veterans",
        ),
        "medium": (
            "veterans are unstable", "veterans are violent", "reservists are unreliable", "avoid hiring reservists",
        ),
        "low": ("probably has ptsd",),
    },
}  # fmt: skip
DENIED: Final[dict[str, dict[Severity, tuple[str, ...]]]] = {
    "denied_financial_advice": {
        "high": (
            "which stocks should i buy", "what stocks should i buy", "which stock should i buy",
            "what stock should i buy",
            "should i buy this stock", "should i sell my stock", "should i sell my shares", "should i invest in",
            "where should i invest", "how should i invest", "what should i invest in", "which crypto should i buy",
            "should i buy bitcoin", "should i take out a loan", "should i refinance",
            "how should i allocate my portfolio",
        ),
        "medium": (
            "is it a good time to buy", "is now a good time to invest", "best stocks to buy", "best crypto to buy",
            "investment advice", "financial advice", "recommend a stock", "recommend an investment",
            "guaranteed return",
            "will the stock go up", "manage my portfolio",
        ),
        "low": ("stock tip", "portfolio advice", "retirement planning", "invest my savings"),
    },
    "denied_medical_advice": {
        "high": (
            "should i stop taking my medication", "should i stop taking my meds", "what dose should i take",
            "how much should i take of", "how many mg should i take", "diagnose my symptoms", "diagnose me",
            "what disease do i have", "what illness do i have", "prescribe me", "can i mix my medication",
            "should i take antibiotics", "do i need surgery",
        ),
        "medium": (
            "what medication should i take", "what medicine should i take", "do i have cancer", "do i have diabetes",
            "is my lump", "interpret my blood test", "interpret my lab results", "medical advice",
            "do i have a heart attack",
            "is this rash dangerous",
        ),
        "low": ("is this rash", "my symptoms are", "my symptoms", "side effects of", "home remedy for"),
    },
    "denied_legal_advice": {
        "high": (
            "should i sue", "how do i sue", "can i sue", "should i plead guilty", "should i plead", "draft my will",
            "will i win my case", "represent me in court", "what should i say in court", "should i sign this contract",
            "should i accept the settlement",
        ),
        "medium": (
            "legal advice", "can i be arrested for", "is my contract valid", "is this contract enforceable",
            "is it legal for me to", "how do i get custody", "how do i avoid a lawsuit", "my lawyer says",
        ),
        "low": ("my legal rights", "statute of limitations", "do i need a lawyer"),
    },
    "denied_insults": {
        "high": (
            "you are an idiot", "you're an idiot", "you idiot", "you moron", "you are a moron", "you're a moron",
            "piece of shit", "fuck you", "go to hell", "you stupid bitch", "son of a bitch", "you are worthless",
            "you're worthless", "you are pathetic", "you're pathetic", "shut the fuck up",
        ),
        "medium": (
            "you are stupid", "you're stupid", "you are useless", "you're useless", "you are dumb", "you're dumb",
            "asshole", "dumbass", "dickhead", "shut up", "you suck", "loser like you", "nobody likes you",
        ),
        "low": ("idiot", "moron", "stupid", "jerk", "clown"),
    },
}  # fmt: skip
CATEGORIES: Final = {**HARM, **BIAS, **DENIED}
