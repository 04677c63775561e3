"""Names of models inside addresses."""

import pytest

from tianji_core.api.errors import BadRequestError
from tianji_core.translate.urls import model_path


def test_names():
    assert model_path("Qwen/Qwen3-Reranker-8B") == "Qwen/Qwen3-Reranker-8B"
    assert model_path("odd name/ü?x=1#y%2f") == "odd%20name/%C3%BC%3Fx%3D1%23y%252f"
    assert model_path("a\r\nb") == "a%0D%0Ab"


@pytest.mark.parametrize("name", ["", "..", "a/../b", "a//b", "/a", "a/", "."])
def test_names_that_lead_elsewhere(name):
    with pytest.raises(BadRequestError):
        model_path(name)
