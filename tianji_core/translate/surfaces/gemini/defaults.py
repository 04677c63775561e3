"""What a row says of all calls, for requests that go to Google untranslated. Rows say it in the words of chat."""

from __future__ import annotations

from tianji_core.api.provider import Body
from tianji_core.translate.gemini.config import generation_config
from tianji_core.translate.gemini.members import camel, passed_on
from tianji_core.translate.gemini.models import traits
from tianji_core.translate.gemini.request import TRANSLATED
from tianji_core.translate.shapes import as_object

_CONFIG = "generationConfig"


def with_defaults(native: Body, defaults: Body, model: str) -> Body:
    """The client's request with the row's settings under its own, which win in either spelling."""
    merged = _under(native, passed_on(defaults, TRANSLATED))
    if config := generation_config(defaults, traits(model)):
        name = next((each for each in native if camel(each) == _CONFIG), _CONFIG)
        merged[name] = _under(as_object(native.get(name)), config)
    return merged


def _under(own: Body, given: Body) -> Body:
    """Members of one's own, and of others those that are not among them."""
    named = {camel(name) for name in own}
    return {**{name: value for name, value in given.items() if camel(name) not in named}, **own}
