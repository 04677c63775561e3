"""A model's reasoning on its way through a client of Google's API and back.

Such clients keep one thing of a call that they do not understand: its `thoughtSignature`, base64 that has to come back
with it. Google's own goes there as it is. What other vendors want back with a call (signed thinking blocks, or the
reasoning itself) is packed into one, marked so that it is told from Google's and goes to nobody else.
"""

from __future__ import annotations

import base64
import binascii

import orjson

from tianji_core.api.provider import Body

_MARK = b"tianji-reasoning:"
_HELD = {"reasoning_content": str, "thinking_blocks": list}
"""What is packed, and nothing else is taken out again: a signature comes from a client."""
_TO_STANDARD = str.maketrans("-_", "+/")


def standard_base64(text: str) -> str:
    """Base64 in the standard alphabet and with its padding. Google takes the one for addresses (RFC 4648 §5) too, and
    its own client writes it.
    """
    plain = text.translate(_TO_STANDARD).rstrip("=")
    return plain + "=" * (-len(plain) % 4)


def packed(reasoning: Body) -> str:
    """A signature that holds what a vendor wants back of its reasoning: members of an assistant's message."""
    return base64.b64encode(_MARK + orjson.dumps(reasoning)).decode()


def unpacked(signature: str) -> Body | None:
    """What `packed` has put into a signature; None for one of Google's."""
    try:
        data = base64.b64decode(standard_base64(signature), validate=True)
        held = orjson.loads(data.removeprefix(_MARK)) if data.startswith(_MARK) else None
    except (binascii.Error, ValueError):
        return None
    if not isinstance(held, dict):
        return None
    return {name: held[name] for name, kind in _HELD.items() if isinstance(held.get(name), kind)}
