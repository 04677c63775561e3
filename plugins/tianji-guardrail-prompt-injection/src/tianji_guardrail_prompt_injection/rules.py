"""The rules: what a string of letters (words.py), or the raw text, gives away, and how surely.

Weights: 3 unmistakable, 2 strong, 1 a hint that counts only with another one. All gaps are bounded and none is nested,
so that a search takes time in proportion to the text whatever it holds.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern. `needs` is a letter (or text) without which the pattern is not even looked for."""

    name: str
    weight: int
    needs: str
    pattern: re.Pattern[str]


def _rule(name: str, weight: int, needs: str, pattern: str) -> Rule:
    return Rule(name, weight, needs, re.compile(pattern))


_PUT_ASIDE = "(?<![NYh])V"
_PUTTING_ASIDE = "(?<![NYh])(?<!Y.)(?<!h.)g"

LETTER_RULES = (
    # ignore all previous instructions · ignore the instructions above
    *(
        rule
        for needs, verb in (("V", _PUT_ASIDE), ("g", _PUTTING_ASIDE), ("v", "(?<![NYh])v"))
        for rule in (
            _rule("instruction-override", 3, needs, f"{verb}.{{0,3}}[AI].{{0,2}}[OP]"),
            _rule("instruction-override", 1 if needs == "v" else 2, needs, f"{verb}.{{0,3}}A.{{0,2}}R"),
            _rule("instruction-override", 1 if needs == "v" else 3, needs, f"{verb}.{{0,3}}[OP].{{0,4}}A"),
            _rule("instruction-override", 3, needs, f"{verb}.{{0,2}}Y.{{0,3}}[OP](?!j)"),
            _rule("instruction-override", 2, needs, f"{verb}.{{0,2}}Y.{{0,3}}R"),
        )
    ),
    _rule("instruction-override", 2, "V", f"{_PUT_ASIDE}.{{0,1}}L.{{0,3}}[OP]"),
    _rule("instruction-override", 2, "V", f"{_PUT_ASIDE}.?L.{{0,2}}R.{{0,2}}Y"),
    _rule("instruction-override", 2, "V", f"{_PUT_ASIDE}.{{0,3}}S.{{0,2}}[OP]"),
    _rule("instruction-override", 2, "V", f"{_PUT_ASIDE}L.{{0,1}}Y.{{0,4}}T"),
    _rule("instruction-override", 2, "V", f"{_PUT_ASIDE}.{{0,1}}Y.{{0,4}}T"),
    _rule("instruction-override", 2, "V", f"{_PUT_ASIDE}.?L.{{0,2}}A"),
    _rule("instruction-override", 1, "V", f"{_PUT_ASIDE}.{{0,3}}(?:A.{{0,2}}C|L.{{0,3}}R)"),
    _rule("instruction-override", 1, "v", "(?<![NYh])v.{0,3}[LSI].{0,2}[OPR]"),
    _rule("instruction-override", 2, "F", "(?<![hY])[NK].?F.{0,3}(?:[AYS].{0,3}[OP]|[OP].{0,3}A)"),
    _rule("instruction-override", 2, "j", "N.?j.{0,3}[OP].{0,3}A"),
    _rule("instruction-override", 2, "k", "A.{0,2}[OP].{0,3}k"),
    _rule("instruction-override", 2, "q", "q.{0,3}A.{0,2}[OP]"),
    _rule("instruction-override", 2, "x", "[OP].{0,5}A.{0,5}Vx"),
    # show me your system prompt · what are your hidden instructions · repeat everything above
    _rule("prompt-extraction", 3, "Y", "[Xy].{0,6}Y.{0,3}[SI].?[OPRC]"),
    _rule("prompt-extraction", 2, "Y", "X.{0,3}Y.{0,2}[OPR](?!j)"),
    _rule("prompt-extraction", 2, "c", "c.{0,3}Y.{0,2}[OP]"),
    _rule("prompt-extraction", 2, "P", "y.{0,3}YP(?!j)"),
    _rule("prompt-extraction", 2, "S", "X[^zm]{0,4}S[OPC]"),
    _rule("prompt-extraction", 2, "S", "y[^zm]{0,4}SP"),
    _rule("prompt-extraction", 2, "W", "W.{0,2}Y.{0,2}[SI].?[OP]"),
    _rule("prompt-extraction", 2, "W", "W.?h?.?YP(?!j)"),
    _rule("prompt-extraction", 2, "X", "X.{0,3}(?:LC?A|[OP].{0,3}A)"),
    _rule("prompt-extraction", 2, "s", "[Xy].{0,9}s.{0,2}Yh"),
    _rule("prompt-extraction", 2, "s", "[OPC].?A.{0,3}s.{0,2}Yh"),
    _rule("prompt-extraction", 2, "W", "WhY.{0,2}T.?A"),
    _rule("prompt-extraction", 1, "Y", "[yW].{0,2}YO"),
    _rule("verbatim-copy", 1, "w", "X.{0,9}w"),
    # act as an unrestricted AI · you are now DAN · developer mode
    _rule("role-play-jailbreak", 3, "U", "[EY].{0,5}U.{0,3}H"),
    _rule("role-play-jailbreak", 2, "U", "(?:Yhn?.{0,2}|E.{0,2}Yh.?)U"),
    _rule("role-play-jailbreak", 2, "E", "E.{0,5}(?:H.{0,3})?N.{0,3}R"),
    _rule("role-play-jailbreak", 2, "r", "YhNr.{0,4}[ORPS]"),
    _rule("role-play-jailbreak", 2, "r", "Y.{0,2}Nrb.{0,4}[ORP]"),
    _rule("role-play-jailbreak", 2, "r", "YNr.{0,3}F.{0,3}[ORP]"),
    _rule("role-play-jailbreak", 2, "a", "(?<!N)dan"),
    _rule("role-play-jailbreak", 2, "D", "(?:Yh?n.?D|DG)"),
    _rule("role-play-jailbreak", 1, "D", "E.{0,2}D"),
    _rule("role-play-jailbreak", 2, "G", "(?:Yh.{0,3}|H.{0,2})[SJU]G|e.{0,3}[UJD]G|[JD]G.?e"),
    _rule("role-play-jailbreak", 1, "G", "e.{0,3}SG|SG.?e"),
    _rule("freed-from-rules", 1, "R", "Y.{0,3}N.{0,3}R"),
    _rule("freed-from-rules", 1, "b", "Y.{0,3}N.?b"),
    _rule("never-refuse", 1, "f", "N.?f"),
    # your new instructions are · for AI agents reading this: … do not tell the user
    _rule("new-instructions", 2, "B", "Y.?B.?O"),
    _rule("new-instructions", 1, "B", "B(?:.?O|S[OP])"),
    _rule("hide-from-user", 1, "Q", "N.?[Xyt].{0,4}Q"),
    _rule("addressed-to-model", 1, "p", "H.{0,3}p"),
)

RAW_RULES = (
    # a turn of the conversation that the text itself opens or ends, in the notation of some model
    _rule(
        "role-tag", 3, "<|im_", r"<\|im_(?:end|start)\|>\s{0,4}(?:<\|im_start\|>)?\s{0,4}(?:system|assistant|developer)"
    ),
    _rule("role-tag", 3, "<|start_header", r"<\|start_header_id\|>\s{0,4}(?:system|assistant)"),
    _rule("role-tag", 2, "<|", r"<\|(?:system|assistant|endoftext|eot_id|im_end)\|>.{0,40}\n?.{0,40}<\|"),
    _rule("role-tag", 2, "[/inst]", r"\[/inst\].{0,60}\[inst\]"),
    _rule("role-tag", 2, "<<sys>>", r"<<sys>>[^<]{1,2000}<</sys>>"),
    _rule(
        "role-tag",
        2,
        "system",
        r"</?(?:user|user_input|input|document|context|data|query)>\s{0,8}<(?:system|admin|developer)",
    ),
    _rule("role-tag", 1, "<|", r"<\|(?:im_start|im_end|system|assistant|endoftext|eot_id)\|>"),
    _rule(
        "role-tag",
        1,
        "system",
        r"(?:\A|\n)[ \t]{0,8}(?:#{1,6} ?|\[|<|---? ?)?system(?: (?:message|prompt|override|notice|update))?(?:\]|>|:)",
    ),
    _rule("role-tag", 1, "end of", r"end of (?:the )?(?:user|system|untrusted) (?:input|message|prompt|data|query)"),
)
"""Looked for in the lower-cased text as it came."""


def _spelled(pattern: str) -> re.Pattern[str]:
    return re.compile(unicodedata.normalize("NFKD", pattern))


_BEFORE_ZH = "(?:之前|以上|前面|上面|先前|此前|所有|上述|系统|你的)"
_BEFORE_JA = "(?:これまで|以前|上記|すべて|全て|前)"
_BEFORE_KO = "(?:이전|위의|모든|기존)"
UNSPACED_RULES = tuple(
    Rule(name, weight, "", _spelled(pattern))
    for name, weight, pattern in (
        (
            "instruction-override",
            3,
            f"(?:忽略|无视|無視|忘记|忘記|忘掉|忽视|不要理会|不要遵守).{{0,8}}{_BEFORE_ZH}.{{0,8}}(?:指令|指示|提示|规则|規則|设定)",
        ),
        ("instruction-override", 3, f"{_BEFORE_JA}.{{0,8}}(?:指示|命令|ルール|プロンプト).{{0,6}}(?:無視|忘れ)"),
        ("instruction-override", 3, f"{_BEFORE_KO}.{{0,24}}(?:지시|명령|프롬프트|규칙).{{0,24}}(?:무시|잊)"),
        (
            "prompt-extraction",
            2,
            "(?:显示|输出|打印|告诉我|透露|重复|泄露).{0,8}(?:系统提示|系統提示|初始指令|隐藏指令|系统指令)",
        ),
    )
)
"""Chinese, Japanese and Korean have no words between spaces: looked for in the folded text."""
