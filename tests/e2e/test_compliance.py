"""A running gateway against `llm-comply`, which holds answers and streams against the vendors' own specifications."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tianji_core.testing.server import ServerProcess

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
KEY = "sk-e2e-0123456789abcdefghij"
COMPLY = """
    import json, sys
    from llm_comply.cli import main
    sys.argv = ["llm-comply", "--json", *sys.argv[1:]]
    main()
"""
GPT, CLAUDE, GEMINI = "gpt-5-echo", "claude-sonnet-4-5-echo", "gemini-2.5-flash-echo"
"""Names by which the tests of reasoning believe that the model reasons."""
AS_ANTHROPIC = ("--auth-header", "x-api-key", "--no-bearer", "-H", "anthropic-version:2023-06-01")
AS_GOOGLE = ("--auth-header", "x-goog-api-key", "--no-bearer")


def config_of(rows, folder):
    general = {"master_key": KEY, "database_url": f"sqlite:///{folder}/store.db"}
    return {"model_list": rows, "general_settings": general}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway whose models answer by themselves and reason if they are asked to."""
    rows = [{"model_name": name, "litellm_params": {"model": "echo/echo-1"}} for name in (GPT, CLAUDE, GEMINI)]
    folder = tmp_path_factory.mktemp("comply")
    server = ServerProcess(config_of(rows, folder), folder).start()
    try:
        yield server.url
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("form", "below", "model", "more"),
    [
        ("openai-chat", "/v1", GPT, ()),
        ("open-responses", "/v1", GPT, ()),
        ("anthropic", "/v1", CLAUDE, AS_ANTHROPIC),
        ("google-genai", "", GEMINI, AS_GOOGLE),
    ],
)
def test_a_dialect_is_spoken_as_its_specification_says(address, run_with, form, below, model, more):
    where = ("-u", f"{address}{below}", "-k", KEY, "-m", model, *more)
    said = run_with("llm-comply==0.5.0", COMPLY, "--format", form, *where, fine=(0, 1))
    told = json.loads(said)
    wrong = {found["id"]: found["errors"] for found in told["results"] if found["status"] != "passed"}
    assert wrong == {}
    assert told["summary"]["passed"] > 8


SCHEMATHESIS = """
    import sys
    from schemathesis.cli import schemathesis
    sys.exit(schemathesis(sys.argv[1:]))
"""
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def test_requests_made_of_the_api_document_break_nothing(tmp_path, run_with):
    """Good, odd and broken requests for every route; every answer is one that the document allows, and no 5xx."""
    rows = [{"model_name": "*", "litellm_params": {"model": "echo/echo-1"}}]
    server = ServerProcess(config_of(rows, tmp_path), tmp_path).start()
    bounds = ("--phases", "coverage,fuzzing", "-n", "5", "--max-time", "60", "--seed", "1", "--request-timeout", "10")
    vendors = ("--exclude-path-regex", r"^/\{provider\}/\{path\}$")  # what is passed through, vendors answer
    try:
        document = f"{server.url}/openapi.json"
        run_with("schemathesis==4.32.5", SCHEMATHESIS, "run", document, "-H", f"Authorization: Bearer {KEY}",
                 "-c", CHECKS, *bounds, *vendors)  # fmt: skip
        assert server.ready()
        assert "Traceback" not in server.log(), server.log()
    finally:
        server.stop()
