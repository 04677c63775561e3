"""The vocabulary: each known word stands for one letter (or sign), so that a text becomes a short string of letters.

"Please ignore all the previous instructions" is `.VL.AO`. Rules are regular expressions over such strings (rules.py).
English first; the commonest words of German, French, Spanish, Italian, Portuguese, Dutch, Polish, Russian, Turkish,
Arabic and Indonesian as far as they follow the same order. The usual slips of the keyboard in the words that matter
most are known as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from tianji_guardrail_prompt_injection.fold import fold

UNKNOWN = "."
SINGLE = "z"
"""A word of one character: many in a row are a spaced-out text."""

_CLASSES = {
    # to put aside: plainly · in ways that programmers talk of, too · the same as a gerund
    "V": """ignore ignor disregard forget neglect overlook unlearn ignoriere ignorieren ignoriert vergiss vergesse
            missachte ignorez oublie oubliez ignora ignorad olvida olvidad desobedece dimentica dimenticate esqueca
            esqueça desconsidere ignorem negeer vergeet zignoruj ignoruj zapomnij تجاهل انس unut unutun abaikan
            lupakan игнорируй игнорируйте проигнорируй забудь забудьте""",
    "v": """override overrule overwrite bypass circumvent discard dismiss abandon skip drop delete cancel nullify
            reset erase wipe purge scrap evade violate break revoke withdraw rescind suspend ditch""",
    "g": "ignoring disregarding forgetting overriding bypassing discarding neglecting abandoning erasing",
    "F": "follow following obey obeying comply adhere adhering listen heed abide respect honour honor stick sticking",
    "N": """not dont never no without cannot cant nicht pas nie none zero ohne kein keine keinen keinerlei sans
            aucun aucune sin senza nessun nessuna sem nenhum nenhuma zonder geen bez tanpa بدون بلا без ignores
            disregards lacks""",
    "K": "stop cease quit",
    "h": "did does has have had are is was were keeps keep kept being be bist es sei wurde wurden",
    "q": "aside",
    "k": "cancelled canceled void voided revoked invalid obsolete outdated superseded nullified annulled expired",
    "x": "them it",
    "0": "apply applies count counts matter matters valid relevant binding gelten gilt",
    "u": """disable disabled deactivate deactivated remove removed deleted stripped lift lifted off suspended
            removing disabling lifting""",
    # which
    "A": """previous previus preceding prior above earlier foregoing former aforementioned before preexisting past
            previously vorherigen vorherige vorher vorigen bisherigen bisherige obigen fruheren precedentes
            precedents precedente precedemment avant anteriores anterior previas previos antes precedenti prima
            acima sopra dessus oben arriba hierboven powyzsze powyzszych выше السابقة sebelumnya onceki eerdere
            vorige wczesniejsze wczesniejszych poprzednie poprzednich предыдущие прежние прошлые предыдущих прежних""",
    "I": """initial initialization original hidden secret internal confidential underlying undisclosed iniciales
            ocultas iniciais geheimen geheime versteckten versteckte interne cachees caches secretes secretas
            nascoste segrete ukryte ukrytych verborgen скрытые скрытых секретные""",
    "L": """all any every each entire whole full complete semua tum جميع كل alle allen toutes tous todas todos tutte
            tutti wszystkie wszystkich все всех""",
    "%": "everything nothing whatever alles tout todo tudo tutto",
    "Y": """you your youre yours yourself deine deinen deiner dein dir dich du tu tes ton te vous vos votre tus seu
            sua seus suas tuo tuoi tue jouw jij twoje swoje swoich твои твой твоих свои свой своих ты""",
    "S": "system developer sys sistema systeme systems системный системные систему системных",
    "B": "new updated actual real true neue neuen nouvelles nuevas nuove novas новые",
    "M": "me my mine",
    "l": "only solely exclusively alone",
    # what
    "O": """instruction instructions instrution instrutions instrucions directive directives guideline guidelines
            commands directions anweisung anweisungen instruktionen consignes instrucciones istruzioni instrucoes
            instructies instruksi التعليمات الأوامر instrukcje instrukcji polecenia poleceniach polecen инструкции
            инструкций указания указаний""",
    "P": "prompt prompts preprompt systemprompt metaprompt systemprompts preamble systeemprompt prompta промпт",
    "R": """rules restriction restrictions constraint constraints filter filters filtering limitations policies
            policy programming training boundaries protocols limits norms shackles inhibitions scruples taboos
            restraint restraints regeln regle regles reglas regole regras regels zasad zasady filtros filtri filtres
            filtern beschrankungen beschrankung einschrankungen einschrankung grenzen restricciones restricoes
            restrizioni beperkingen القواعد قيود aturan batasan limites limite limiti ograniczen ограничений
            ограничения правила правил""",
    "Z": """safeguard safeguards guardrail guardrails censorship censoring safety ethics ethical moral morals
            morality moderation censure censura zensur цензуры""",
    "C": "context conversation conversations message messages text content contents words sentence paragraph chat",
    "T": """told taught instructed said asked initialised initialized programmed trained know learned learnt given
            gave received configured""",
    "o": """administrator developers operator operators creator creators maker makers owner owners programmers
            engineers engineer openai anthropic""",
    "9": "task job goal purpose objective mission",
    "2": "password passwords credentials apikey keys secrets inbox passphrase",
    "3": "http https url urls webhook hyperlink curl",
    # to bring to light: for certain · in common use, too
    "X": """reveal leak disclose divulge expose regurgitate dump recite repeat print output echo раскрой раскройте
            выдай revele revela rivela enthulle ujawnij verrate""",
    "y": """show tell give share put turn export render state enumerate describe include provide reproduce display
            return paste spell summarize summarise translate convert write list quote zeige zeig nenne affiche
            montre muestra muestrame dime mostra mostre mostrami dimmi toon pokaz покажи выведи""",
    "1": "send forward post transmit upload exfiltrate email",
    ",": "see view access get obtain peek hear",
    ";": "must should shall",
    "@": "append embed encode insert",
    # in place of · your instructions, your rules: in languages that make one word of it
    "~": "changed change replaced replace replaces swap swapped overrides supersedes supersede outranks cancels",
    "&": "تعليماتك قواعدك talimatlarini kurallarini talimatlari kurallari talimatlarinizi",
    "c": "copy",
    "t": """mention mentioning telling inform informing notify notifying alert alerting warn asking confirmation
            confirming""",
    "W": "what whats which",
    "w": "verbatim exactly unabridged literally unchanged",
    "s": "starting beginning starts begins start begin",
    "m": "example sample good template an",
    "j": "reply response answer action help assistance payment replies responses decision answers respond speak talk",
    "7": "sure absolutely certainly",
    # to be somebody else
    "E": """act play pretend roleplay simulate become behave impersonate imagine suppose finge fingi finges finja
            faites semblant agisci comportati actua действуй притворись verhalte stell fais haz doe aja zachowuj""",
    "U": """unrestricted unfiltered uncensored jailbroken amoral unethical unmoderated unaligned lawless
            rulebreaking unbound uneingeschrankt unzensiert""",
    "b": "bound restricted limited constrained bounded",
    "i": "free freed liberated unshackled released escaped broken",
    "r": "longer more anymore mehr plus mas больше",
    "D": "dan",
    "d": "do",
    "a": "anything",
    "n": "now henceforth jetzt sofort desormais maintenant ahora agora adesso ora dora teraz nu теперь",
    "J": "jailbreak",
    "G": "mode modus",
    "4": "debug god sudo admin root maintenance dev unsafe unlocked",
    "f": "refuse refuses decline declines refusing",
    "8": """apologize apologise apologizing apologising disclaimer disclaimers moralize moralise moralizing
            moralising lecture lectures lecturing refusal refusals sorry excuses""",
    "=": "warning warnings",
    "!": "forbidden prohibited",
    "e": "enable enabled enables activate activated enter engage unlock switch entering",
    "H": """ai assistant assistants chatbot bot llm llms gpt chatgpt claude gemini agent agents persona model models
            version ki ia ии kunstliche intelligenz inteligencia intelligence intelligenza unintelligenza unia
            modelo modello modell asistente assistente chatbots computer screener""",
    "p": "reading processing summarizing summarising parsing summarises summarizes reads processes evaluating",
    "Q": "user users reader anyone anybody",
    "5": "hypothetically hypothetical fictional fiction simulation story novel scenario universe experiment dream",
    "6": "attention beware note notice dear important",
}

_MISTYPED = (
    *("ignore", "disregard", "forget", "reveal", "previous", "earlier"),
    *("system", "prompt", "instruction", "instructions", "guidelines"),
)
"""Words that are known with a letter too many or too few, or two letters exchanged."""


def _slips(word: str) -> Iterator[str]:
    """The word with one of its inner letters left out, struck twice, or exchanged with the next."""
    for at in range(1, len(word) - 1):
        yield word[:at] + word[at + 1 :]
        yield word[:at] + word[at] + word[at:]
        yield word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _codes() -> dict[str, str]:
    codes = dict.fromkeys("abcdefghijkmnopqrstuvwxyz26", SINGLE)
    for letter, words in _CLASSES.items():
        for word in words.split():
            codes[fold(word).replace(" ", "")] = letter
    for word in map(fold, _MISTYPED):
        for slip in _slips(word):
            codes.setdefault(slip, codes[word])
    return codes


CODES = _codes()
"""From a folded word to its letter."""


def letters_of(words: list[str]) -> str:
    """One letter for each folded word."""
    get = CODES.get
    return "".join([get(word, UNKNOWN) for word in words])
