"""Parameters under the vendor's names."""

from __future__ import annotations

from typing import Any

import pytest

from tianji_core.api.errors import UnsupportedParamsError
from tianji_core.api.provider import Capabilities
from tianji_core.openai_compat.params import check_format, rename_params

SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}


def test_names_and_values() -> None:
    body: dict[str, Any] = {"effort": "minimal", "format": {"type": "json"}, "size": "a", "kept": "minimal"}
    rename_params(body, {"size": "area", "missing": "x"}, {"effort": {"minimal": "low"}, "format": {"json": "x"}})
    assert body == {"effort": "low", "format": {"type": "json"}, "area": "a", "kept": "minimal"}


def test_a_format_that_the_vendor_lacks() -> None:
    objects = Capabilities.of("chat", features=("json_object",))
    with pytest.raises(UnsupportedParamsError) as caught:
        check_format({"response_format": SCHEMA}, objects, "p", drop=False)
    assert caught.value.param == "response_format"
    body: dict[str, Any] = {"response_format": SCHEMA}
    check_format(body, objects, "p", drop=True)
    assert body == {"response_format": {"type": "json_object"}}
    check_format(body, Capabilities.of("chat"), "p", drop=True)
    assert body == {}


@pytest.mark.parametrize("wanted", [None, "b64_json", {}, {"type": None}, {"type": "text"}, {"type": "grammar"}])
def test_other_formats_pass(wanted: Any) -> None:
    body = {"response_format": wanted}
    check_format(body, Capabilities.of("chat"), "p", drop=False)
    assert body == {"response_format": wanted}
