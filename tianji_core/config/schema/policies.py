"""`policies` and `policy_attachments`: named rules for calls, and for which calls they hold."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import Field

from tianji_core.config.schema.base import Block, key
from tianji_core.config.schema.types import AnyMap, Before, Flag, Kind, Names, Text, TextMap, wrong

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LAST: Final = 24 * 60
"""Minutes of a day; 24:00 is its end."""
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")


def _clock(value: Any) -> Any:
    """Minutes since midnight. YAML reads 17:30 without quotes as a number to the base of 60: minutes already."""
    if isinstance(value, str) and (found := _CLOCK.fullmatch(value.strip())) and int(found[2]) < 60:
        value = int(found[1]) * 60 + int(found[2])
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LAST:
        raise wrong('a time of day, "09:30"')
    return value


def _days(value: Any) -> Any:
    """Numbers of days, Monday 0; `mon-fri` stands for five."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not given:
        raise wrong("days: mon, tue, …, or mon-fri")
    found: list[int] = []
    for each in given:
        if isinstance(each, int) and not isinstance(each, bool):
            found.append(each)  # read before
            continue
        ends = [part.strip().lower()[:3] for part in each.split("-")] if isinstance(each, str) else []
        if not 1 <= len(ends) <= 2 or not all(end in DAYS for end in ends):
            raise wrong("days: mon, tue, …, or mon-fri")
        first, last = DAYS.index(ends[0]), DAYS.index(ends[-1])
        found += [(first + step) % 7 for step in range((last - first) % 7 + 1)]
    return sorted(set(found))


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


def _numbers(value: Any) -> Any:
    if isinstance(value, dict) and any(isinstance(number, bool) for number in value.values()):
        raise wrong("numbers by parameter")
    return value


Clock = Annotated[int, Before(_clock), Kind("time of day")]
Priority = Annotated[int, Kind("integer")]
Caps = Annotated[
    dict[str, int | Annotated[float, Field(allow_inf_nan=False)]], Before(_numbers), Kind("map of numbers")
]


class PolicyTime(Block):
    """A part of the week. One that ends before it starts goes on into the next day."""

    days: Annotated[list[int], Before(_days), Kind("list of days")] = key(
        list(range(7)), "On which days it starts: mon, tue, …, or mon-fri.", usage="ours", default_text="all"
    )
    start: Clock = key(0, "From when on.", usage="ours", default_text='"00:00"')
    end: Clock = key(LAST, "Until when.", usage="ours", default_text='"24:00"')
    timezone: Text = key("UTC", "Whose clock: a name of the IANA database, `Europe/Berlin`.", usage="ours")


class PolicyCondition(Block):
    """What has to be so for a policy to hold: all that is given here. In a list, one is enough; `*` stands for any
    text."""

    model: Names = key([], "The model that was asked for; regular expressions work too.", usage="C")
    tags: Names = key([], "A tag of the call.", usage="ours")
    team_alias: Names = key([], "The caller's team, by alias or id.", usage="ours")
    metadata: AnyMap = key({}, "Values, or lists of values, in the metadata of call or key.", usage="ours")
    time: Annotated[list[PolicyTime], Before(_one_or_more)] = key(
        [], "When: one part of the week, or several.", usage="ours", kind="block or list of blocks"
    )
    key_alias: Names = key([], "The caller's key.", usage="ours")


class PolicyGuardrails(Block):
    """What a policy does to the guardrails of a call."""

    add: Names = key([], "Run these.", usage="C")
    remove: Names = key([], "Do not run these, where inherited or attached more widely.", usage="C")


class PolicyModels(Block):
    """Which models a policy lets calls have; names may hold a `*`."""

    allow: Names = key([], "Only these.", usage="ours", default_text="all")
    swap: TextMap = key({}, "Another model in place of the one asked for.", usage="ours")


class PolicyParams(Block):
    """What a policy does to the parameters of a call."""

    cap: Caps = key(
        {}, "The most that a parameter may be. max_tokens is set to it where a call names no limit.", usage="ours"
    )
    set: AnyMap = key({}, "What a parameter is, whatever the call says; null leaves it out.", usage="ours")


class Policy(Block):
    """One policy. What it inherits comes first, each part under its own condition."""

    rare = {"pipeline": "Guardrails in steps, each with what follows from it."}  # noqa: RUF012 - as in all blocks

    description: Text | None = key(None, "For people.", usage="C")
    inherit: Text | None = key(None, "The policy that this one goes on from.", usage="C")
    guardrails: PolicyGuardrails = key({}, "Guardrails to run, and not to.", usage="C", kind="block")
    condition: PolicyCondition = key({}, "When the policy holds.", usage="C", kind="block")
    models: PolicyModels = key({}, "Models to allow, and to swap.", usage="ours", kind="block")
    params: PolicyParams = key({}, "Parameters to cap, and to set.", usage="ours", kind="block")
    requestable: Flag = key(False, "Requests may ask for it in `policies`.", usage="ours")


class PolicyAttachment(Block):
    """For which calls a policy holds: those that fit all that is given here."""

    policy: Text = key(..., "The policy's name.", usage="C")
    scope: Text | None = key(None, "`*`: all calls.", usage="C")
    teams: Names = key([], "Teams, by alias or id; `*` stands for any text.", usage="C", default_text="all")
    keys: Names = key([], "Aliases of keys.", usage="C", default_text="all")
    models: Names = key([], "Models as they are asked for.", usage="C", default_text="all")
    tags: Names = key([], "Tags of calls.", usage="C", default_text="all")
    priority: Priority = key(0, "Among attachments as wide as one another, the higher one decides.", usage="C")
    default: Flag = key(False, "Only where no other attachment holds.", usage="C")
    mandatory: Flag = key(False, "Narrower attachments cannot take anything of it back.", usage="ours")
