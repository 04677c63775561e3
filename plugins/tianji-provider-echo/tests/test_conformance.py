from tianji_core.testing import ProviderConformance
from tianji_provider_echo import Echo

HEADERS = {"content-type": "application/json"}


class TestEcho(ProviderConformance):
    provider_class = Echo
    model = "echo-1"
    base_url = "http://echo.invalid/v1"
    headers = HEADERS
