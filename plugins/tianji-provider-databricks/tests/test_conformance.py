from tianji_core.testing import ProviderConformance
from tianji_provider_databricks import Databricks

BASE = "https://dbc-1.cloud.databricks.com/serving-endpoints"
RENAMED = {"max_completion_tokens": "max_tokens"}
SETTINGS = {"api_base": BASE}
CLAUDE_RENAMED = {**RENAMED, "reasoning_effort": "thinking"}


class TestDatabricks(ProviderConformance):
    provider_class = Databricks
    model = "databricks-gpt-oss-120b"
    base_url = BASE
    settings = SETTINGS
    renamed_params = RENAMED


class TestLlama(ProviderConformance):
    provider_class = Databricks
    model = "databricks-meta-llama-3-3-70b-instruct"
    base_url = BASE
    settings = SETTINGS
    renamed_params = RENAMED


class TestClaude(ProviderConformance):
    provider_class = Databricks
    model = "databricks-claude-sonnet-4-5"
    base_url = BASE
    settings = SETTINGS
    renamed_params = CLAUDE_RENAMED

    def expected_body(self, name, request):
        body = super().expected_body(name, request)
        if name == "reasoning":
            body |= {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 5120}
        return body
