"""What is known of the models, and that nothing secret is among it."""

from __future__ import annotations

import asyncio
import json

import pytest

CANARY = "c4n4ry-0123456789"


@pytest.fixture
def ask(serving):
    def run(path, rows, query="", headers=None, **config):
        async def main():
            async with serving({"model_list": rows, **config}) as client:
                return await client.get(path, query=query, headers=headers or {})

        return asyncio.run(main())

    return run


def openai(name="m", model="openai/gpt-4o-mini", info=None, **params):
    return {"model_name": name, "litellm_params": {"model": model, "api_key": "k", **params}, "model_info": info or {}}


@pytest.mark.parametrize("path", ["/model/info", "/v1/model/info"])
def test_what_is_known_of_a_deployment(ask, path):
    rows = [openai(rpm=5, temperature=0.5, info={"max_input_tokens": 9, "tier": "gold", "id": "one"})]
    answer = ask(path, rows)
    assert answer.status == 200
    (row,) = answer.json()["data"]
    assert row["model_name"] == "m"
    assert row["litellm_params"] == {"model": "openai/gpt-4o-mini", "rpm": 5, "temperature": 0.5}
    info = row["model_info"]
    assert (info["id"], info["db_model"], info["tier"]) == ("one", False, "gold")
    assert (info["key"], info["litellm_provider"], info["mode"]) == ("gpt-4o-mini", "openai", "chat")
    assert (info["max_input_tokens"], info["rpm"], info["tpm"]) == (9, 5, None)
    for name in ("vision", "function_calling", "tool_choice", "response_schema", "pdf_input", "prompt_caching"):
        assert info[f"supports_{name}"] is True, name
    assert info["supports_audio_input"] is None
    assert info["supports_reasoning"] is None
    assert {"temperature", "tools", "stream"} <= set(info["supported_openai_params"])
    assert "reasoning_effort" not in info["supported_openai_params"]


def test_models_of_one_vendor_differ(ask):
    rows = [
        openai("o", "openai/o3-mini"),
        openai("a", "openai/gpt-4o-audio-preview"),
        openai("e", "openai/text-embedding-3-small"),
    ]
    thinks, hears, embeds = [row["model_info"] for row in ask("/model/info", rows).json()["data"]]
    assert thinks["supports_reasoning"] is True
    assert hears["supports_audio_input"] is True
    assert embeds["mode"] == "embedding"
    assert embeds["supports_vision"] is None
    assert embeds["supported_openai_params"] == ["dimensions", "encoding_format", "user"]


def test_what_the_row_says_of_its_model_wins(ask):
    rows = [openai(info={"supports_vision": False, "mode": "responses", "supports_reasoning": True})]
    info = ask("/model/info", rows).json()["data"][0]["model_info"]
    assert (info["supports_vision"], info["mode"], info["supports_reasoning"]) == (False, "responses", True)


def test_no_credential_is_shown(ask):
    secret = {
        "api_key": CANARY,
        "api_base": f"https://user:{CANARY}@up.test/v1?key={CANARY}",
        "headers": {"x-gate": CANARY},
        "extra_headers": {"authorization": f"Bearer {CANARY}"},
        "extra_body": {"tenant": CANARY},
        "organization": f"sk-{CANARY}",
        "client_secret": CANARY,
        "azure_ad_token": CANARY,
        "aws_secret_access_key": CANARY,
        "vertex_credentials": {"private_key": CANARY},
        "x_signing": CANARY,
        "prompt_cache_key": CANARY,
        "aws_region_name": "eu-west-1",
        "litellm_credential_name": "c",
    }
    rows = [openai(info={"health_token": CANARY, "notes": {"password": CANARY}, "hook": f"sk-{CANARY}"}, **secret)]
    lent = [{"credential_name": "c", "credential_values": {"api_base": f"https://{CANARY}.test", "project": CANARY}}]
    for path in ("/model/info", "/model_group/info", "/v1/models"):
        answer = ask(path, rows, credential_list=lent)
        assert answer.status == 200
        assert CANARY not in answer.body.decode(), path
        if path == "/model/info":
            shown = answer.json()["data"][0]["litellm_params"]
            assert shown["api_base"] == "https://up.test/v1"
            assert shown["aws_region_name"] == "eu-west-1"
            assert shown["litellm_credential_name"] == "c"


def test_one_deployment(ask):
    rows = [openai("m", info={"id": "one"}), openai("n", info={"id": "two"})]
    (row,) = ask("/model/info", rows, query="litellm_model_id=two").json()["data"]
    assert row["model_name"] == "n"
    answer = ask("/model/info", rows, query="litellm_model_id=three")
    assert answer.status == 400
    assert "three" in answer.json()["detail"]["error"]


def test_groups(ask):
    rows = [
        openai("m", rpm=5, info={"max_input_tokens": 10}),
        openai("m", "groq/llama-3.1-8b-instant", rpm=7, info={"max_input_tokens": 20}),
        openai("e", "openai/text-embedding-3-small"),
    ]
    aliases = {"model_group_alias": {"shown": "m", "hidden": {"model": "m", "hidden": True}}}
    answer = ask("/model_group/info", rows, router_settings=aliases)
    groups = {each["model_group"]: each for each in answer.json()["data"]}
    assert set(groups) == {"m", "e", "shown"}
    group = groups["m"]
    assert group["providers"] == ["openai", "groq"]
    assert (group["max_input_tokens"], group["rpm"], group["tpm"], group["mode"]) == (20, 12, None, "chat")
    assert group["supports_vision"] is True
    assert groups["e"]["supports_vision"] is False
    assert "temperature" in group["supported_openai_params"]
    (one,) = ask("/model_group/info", rows, query="model_group=e").json()["data"]
    assert one["mode"] == "embedding"
    assert ask("/model_group/info", rows, query="model_group=none").json() == {"data": []}


@pytest.mark.parametrize("model", ["m", "gpt-4o-mini", "openai/gpt-4o-mini", "new/gpt-4o-mini"])
def test_parameters_of_a_model(ask, model):
    rows = [openai(), openai("new/*", "openai/*")]
    answer = ask("/utils/supported_openai_params", rows, query=f"model={model}")
    assert answer.status == 200, answer.body
    params = answer.json()["supported_openai_params"]
    assert "temperature" in params
    assert "reasoning_effort" not in params


@pytest.mark.parametrize("query", ["model=nobody", "model=mistral/x", "model=claude-sonnet-4-5", ""])
def test_parameters_of_a_model_that_nobody_knows(ask, query):
    answer = ask("/utils/supported_openai_params", [openai()], query=query)
    assert answer.status == 400
    assert answer.json()["detail"]["error"].startswith("Could not map model=")


PATHS = ["/model/info", "/v1/model/info", "/model_group/info", "/utils/supported_openai_params"]


@pytest.mark.parametrize("path", PATHS)
def test_a_key_is_needed(ask, path):
    config = {"general_settings": {"master_key": "sk-contract-0123456789abcdef"}}
    assert ask(path, [openai()], query="model=m", **config).status == 401
    headers = {"authorization": "Bearer sk-contract-0123456789abcdef"}
    assert ask(path, [openai()], query="model=m", headers=headers, **config).status == 200


def test_callers_see_their_own_models_only(config_beside, serving):
    source = """
        from tianji_core.api.call import Principal

        async def user(request, key):
            return Principal(user_id="u", models=frozenset({"mine"}))
    """
    rows = [openai("mine", info={"id": "one"}), openai("theirs", info={"id": "two"})]
    path = config_beside({"model_list": rows, "general_settings": {"custom_auth": "my_auth.user"}}, my_auth=source)

    async def main():
        async with serving(path) as client:
            headers = {"authorization": "Bearer k"}
            for asked in ("/model/info", "/model_group/info"):
                answer = await client.get(asked, headers=headers)
                text = answer.body.decode()
                assert answer.status == 200, text
                assert "mine" in text
                assert "theirs" not in text
            for asked, query in (
                ("/model/info", "litellm_model_id=two"),
                ("/utils/supported_openai_params", "model=theirs"),
            ):
                assert (await client.get(asked, query=query, headers=headers)).status == 400
            answer = await client.get("/model_group/info", query="model_group=theirs", headers=headers)
            assert json.loads(answer.body) == {"data": []}

    asyncio.run(main())
