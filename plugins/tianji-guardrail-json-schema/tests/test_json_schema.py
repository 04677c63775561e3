from __future__ import annotations

import asyncio
import json
import time

import pytest
from pydantic import ValidationError

from tianji_core.api.errors import ServiceUnavailableError
from tianji_core.api.guardrail import ALLOW, Block, Guardrail, Payload, Rewrite
from tianji_core.testing import GuardrailConformance
from tianji_core.testing.standard import SampleCall
from tianji_guardrail_json_schema import JsonSchema, JsonSchemaSettings

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}
GOOD = '{"name": "Ann", "age": 3}'


def made(**settings):
    settings.setdefault("json_schema", SCHEMA)
    return JsonSchema(JsonSchemaSettings(guardrail="json_schema", **settings))


def check(guardrail, text, **request):
    response = {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}
    return asyncio.run(guardrail.check("post_call", Payload(SampleCall(), {"messages": [], **request}, response)))


def said(verdict):
    assert isinstance(verdict, Rewrite), verdict
    return json.loads(verdict.body["choices"][0]["message"]["content"])


class TestJsonSchema(GuardrailConformance):
    benign, attacks = ('"Yes"', '"Hi"', '"fine"'), ("not JSON", '{"name": 5}')
    unread = frozenset(
        {"reasoning", "tool arguments", "second choice"}
    )  # those are no answers in words, or hold another

    def guardrail(self) -> Guardrail:
        return made(json_schema={"type": "string"}, on_invalid="block")


def test_what_fits_stays_as_it_is():
    assert check(made(), GOOD) == ALLOW
    assert check(made(), ' {"age" : 3, "name":"Ann"}\n') == ALLOW


def test_what_does_not_fit_says_where_and_not_what():
    verdict = check(made(on_invalid="block"), '{"name": "Ann", "age": -5, "secret": 1}')
    assert isinstance(verdict, Block)
    assert sorted(verdict.detail["misfits"]) == ["(the whole): additionalProperties", "age: minimum"]
    assert check(made(on_invalid="block"), "prose").detail == {"misfits": ["(the whole): no JSON"]}


@pytest.mark.parametrize(
    "text",
    [
        f"Here you are:\n```json\n{GOOD}\n```\nAnything else?",
        f"Sure! {GOOD} Bye.",
        '{"name": "Ann", "age": 3,}',
        "{'name': 'Ann', 'age': 3}",
        '{"name": "Ann", "age": 3',
        '```\n{"name": "Ann",\n "age": 3,\n}\n```',
    ],
)
def test_slips_are_put_right(text):
    assert said(check(made(), text)) == {"name": "Ann", "age": 3}
    assert isinstance(check(made(on_invalid="block"), text), Block)


def test_an_answer_that_was_cut_off():
    assert said(check(made(), '{"name": "An')) == {"name": "An"}


@pytest.mark.parametrize("text", ["", "no", "{", "[[[[", '{"age": NaN, "name": "x"}', "{'a': __import__('os')}"])
def test_what_cannot_be_put_right_is_refused(text):
    assert isinstance(check(made(), text), Block)


class Gateway:
    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    async def ask(self, call, operation, body):
        self.asked.append(body)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"choices": [{"message": {"content": answer}}]}


def test_a_model_puts_it_right():
    guardrail = made(repair_model="fixer", max_repairs=2)
    gateway = Gateway("still prose", GOOD)
    guardrail.connect(gateway)
    assert said(check(guardrail, "Ann is three")) == {"name": "Ann", "age": 3}
    assert [body["model"] for body in gateway.asked] == ["fixer", "fixer"]
    guardrail.connect(Gateway("no", "no"))
    assert isinstance(check(guardrail, "Ann is three"), Block)
    guardrail.connect(Gateway(ServiceUnavailableError("gone")))
    with pytest.raises(ServiceUnavailableError):
        check(guardrail, "Ann is three")


def test_the_schema_of_the_request():
    guardrail = made(json_schema=None, from_request=True)
    asked = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    assert check(guardrail, "prose") == ALLOW
    assert isinstance(check(guardrail, "prose", response_format=asked), Block)
    assert check(guardrail, GOOD, response_format=asked) == ALLOW
    odd = {"type": "json_schema", "json_schema": {"schema": {"$ref": "http://127.0.0.1:9/x"}}}
    assert check(guardrail, "prose", response_format=odd) == ALLOW


def test_answers_without_words_pass():
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    response = {"choices": [{"index": 0, "message": {"role": "assistant", "content": None, "tool_calls": [call]}}]}
    assert asyncio.run(made().check("post_call", Payload(SampleCall(), {}, response))) == ALLOW


@pytest.mark.parametrize(
    "schema",
    [{"type": 5}, {"$ref": "http://127.0.0.1:9/other"}, {"$ref": "file:///etc/passwd"}, {"pattern": "(?=a)b"}],
)
def test_schemas_that_cannot_be_used(schema):
    with pytest.raises(ValidationError, match="no schema"):
        made(json_schema=schema)


def test_a_schema_in_a_file(tmp_path):
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(SCHEMA))
    assert check(made(json_schema=None, schema_file=str(path)), GOOD) == ALLOW
    path.write_text("no")
    with pytest.raises(ValidationError, match="schema_file"):
        made(json_schema=None, schema_file=str(path))
    with pytest.raises(ValidationError, match="json_schema"):
        made(json_schema=None)


@pytest.mark.parametrize("unit", ["{", "[", '"', "```\n", "{,", "a", "\\\\"])
def test_time_grows_with_the_text_only(unit):
    guardrail = made()

    def seconds(size):
        started = time.process_time()
        check(guardrail, unit * (size // len(unit)))
        return time.process_time() - started

    seconds(1000)
    short, long = seconds(50_000), seconds(500_000)
    assert long < max(3.0, 40 * short)


def test_a_pattern_of_a_schema_is_linear():
    started = time.process_time()
    assert isinstance(
        check(made(json_schema={"type": "string", "pattern": "^(a+)+$"}), json.dumps("a" * 50_000 + "b")), Block
    )
    assert time.process_time() - started < 2
