"""The vocabulary: each known word stands for one letter, so that a text becomes a short string of letters.

"Please ignore all the previous instructions" is `.VL.AO`. Rules are regular expressions over such strings (rules.py).
English first; the commonest words of German, French, Spanish, Italian, Portuguese and Russian as far as they follow
the same order.
"""

from __future__ import annotations

from tianji_guardrail_prompt_injection.fold import fold

UNKNOWN = "."
SINGLE = "z"
"""A word of one character: many in a row are a spaced-out text."""

_CLASSES = {
    # to put aside: plainly · in ways that programmers talk of, too · the same as a gerund
    "V": """ignore ignor ingore igonre disregard forget neglect overlook unlearn ignoriere ignorieren ignoriert vergiss
            missachte ignorez oublie oubliez ignora ignorad olvida olvide olvidad dimentica esqueca esqueça
            игнорируй игнорируйте проигнорируй забудь забудьте""",
    "v": "override overrule overwrite bypass circumvent discard dismiss abandon skip drop delete cancel nullify reset",
    "g": "ignoring disregarding forgetting overriding bypassing discarding neglecting",
    "F": "follow following obey obeying comply adhere adhering listen heed abide attention",
    "N": "not dont never no without cannot cant nicht pas",
    "K": "stop cease quit",
    "h": "did does has have had are is was were keeps keep kept",
    "q": "aside",
    "k": "cancelled canceled void voided revoked invalid obsolete outdated superseded nullified annulled",
    "x": "them",
    # which
    "A": """previous prevoius previus previously prior preceding above earlier foregoing former aforementioned before
            preexisting past vorherigen vorherige vorigen bisherigen obigen fruheren precedentes precedents precedente
            anteriores anterior previas previos precedenti precedente предыдущие прежние прошлые предыдущих""",
    "I": "initial original hidden secret internal confidential underlying initiales ocultas iniciales geheimen",
    "L": "all any every everything each alle allen alles toutes tous todas todos tutte tutti все всё",
    "Y": "you your youre yours deine deinen deiner dein tes vos votre tus твои твой",
    "S": "system developer sys sistema systeme",
    "B": "new updated actual real",
    # what
    "O": """instruction instructions instuctions instrucions instructons instrution instrutions directive directives
            guideline guidelines commands directions anweisung anweisungen instruktionen consignes instrucciones
            istruzioni instrucoes инструкции инструкций указания""",
    "P": "prompt prompts preprompt systemprompt metaprompt systemprompts промпт",
    "R": """rule rules restriction restrictions constraint constraints safeguard safeguards guardrail guardrails filter
            filters limitation limitations policies policy censorship programming training safety ethics ethical
            boundaries protocols moderation regeln regles reglas regole regras ограничения правила""",
    "C": "context conversation conversations message messages text content contents words sentence paragraph chat",
    "T": "told taught instructed said know learned learnt",
    # to bring to light: for certain · in common use, too
    "X": "reveal leak disclose divulge expose regurgitate dump recite repeat print output echo",
    "y": """show tell give send share provide reproduce display return paste spell summarize summarise translate encode
            convert zeige zeig nenne montre affiche muestra muestrame dime mostra mostre покажи""",
    "c": "copy",
    "t": "mention mentioning telling inform informing notify notifying alert alerting warn",
    "W": "what whats",
    "w": "verbatim exactly unabridged",
    "s": "starting beginning starts begins",
    "m": "example sample good template an",
    "j": "reply response attention answer action help assistance payment replies responses decision",
    # to be somebody else
    "E": "act pretend roleplay simulate become behave impersonate imagine",
    "U": """unrestricted unfiltered uncensored jailbroken amoral unethical unmoderated unaligned lawless rulebreaking
            unbound""",
    "b": "bound restricted limited constrained bounded",
    "r": "longer",
    "D": "dan",
    "d": "do",
    "a": "anything",
    "n": "now henceforth",
    "J": "jailbreak",
    "G": "mode modus",
    "f": "refuse refuses decline declines",
    "e": "enable enabled activate activated enter engage unlock switch",
    "H": "ai assistant assistants chatbot bot llm llms gpt chatgpt claude gemini persona agent",
    "p": "reading processing summarizing summarising parsing",
    "Q": "user users",
}


def _codes() -> dict[str, str]:
    codes = dict.fromkeys("abcdefghijkmnopqrstuvwxyz26", SINGLE)
    for letter, words in _CLASSES.items():
        for word in words.split():
            codes[fold(word).replace(" ", "")] = letter
    return codes


CODES = _codes()
"""From a folded word to its letter."""


def letters_of(words: list[str]) -> str:
    """One letter for each folded word."""
    get = CODES.get
    return "".join([get(word, UNKNOWN) for word in words])
