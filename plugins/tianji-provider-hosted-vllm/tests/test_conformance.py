from tianji_core.testing import ProviderConformance, overrides_standard_test
from tianji_provider_hosted_vllm import HostedVLLM

BASE = "http://vllm.test:8000/v1"
SETTINGS = {"api_base": BASE}


class TestHostedVLLM(ProviderConformance):
    provider_class = HostedVLLM
    model = "Qwen/Qwen3-8B"
    base_url = BASE
    settings = SETTINGS

    @overrides_standard_test("most servers are started without --api-key; docs.vllm.ai, serve")
    def test_without_a_key_the_error_says_what_to_set(self) -> None:
        request = self.provider(api_key=None).build_request(self.request("chat"))
        assert request.headers == [("content-type", "application/json")]
