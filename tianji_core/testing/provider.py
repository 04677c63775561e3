"""The provider kit: subclass `ProviderConformance` and your provider is tested offline, on bytes.

    from tianji_core.testing import ProviderConformance
    from acme_plugin import Acme

    class TestAcme(ProviderConformance):
        provider_class = Acme
        model = "acme-1"
        base_url = "https://api.acme.example/v1"

That is all for a vendor that speaks OpenAI's format. For any other, put the vendor's wire format into `tests/samples`:

    <scenario>.request.json     the exact body the vendor gets (`tianji_core.testing.corpus` has the scenarios)
    <scenario>.response.json    a whole answer (.bin if it is not JSON)
    <scenario>.stream.sse       a streamed answer (.ndjson, .json or .bin for other framings)
    error.json, error.<status>.json, error.context.json, error.policy.json, error.stream.sse

A sample that is needed and missing fails its test, and the message says what the file has to hold. A file beside an
OpenAI-shaped provider replaces the kit's own sample. Answers may be real recordings: the kit checks what they become.

What is declared in `capabilities` is tested. What is not declared must be refused, in one of two ways: `build_request`
raises UnsupportedCapabilityError or UnsupportedParamsError; or, where the feature is asked for by a parameter, that
parameter is not among `supported_params`, so that the gateway refuses or drops it. Two exceptions: cache markers are a
hint and are simply left out, and a provider in OpenAI's shape may hand kinds of input on as they are, so that the
vendor answers for its models.
"""

from __future__ import annotations

from tianji_core.testing.provider_kit.errors import ErrorTests
from tianji_core.testing.provider_kit.features import FeatureTests
from tianji_core.testing.provider_kit.manners import MannersTests
from tianji_core.testing.provider_kit.pass_through import PassThroughTests
from tianji_core.testing.provider_kit.realtime import RealtimeTests
from tianji_core.testing.provider_kit.streams import StreamTests
from tianji_core.testing.standard import overrides_standard_test

__all__ = ["ProviderConformance", "overrides_standard_test"]


class ProviderConformance(
    FeatureTests, StreamTests, ErrorTests, PassThroughTests, MannersTests, RealtimeTests, kit=True
):
    """The standard tests of a provider. Settings of the kit are the class attributes of `ProviderKit`."""
