"""What all guardrails of one stage are shown: looked through once, for all of them."""

from __future__ import annotations

from tianji_core.api.guardrail import Text, all_places
from tianji_core.api.provider import Body
from tianji_core.api.texts import plain_answer_texts, plain_texts

AT_A_GLANCE = 50_000
"""Characters that are looked at on the event loop; what is longer is for `check`, which may take a thread."""


class Shown:
    """A request, or an answer to one, with the texts that pass beside it."""

    __slots__ = ("_text", "_text_is_made", "request", "response", "seen", "unseen")

    def __init__(self, request: Body, response: Body | None = None, unseen: tuple[str, ...] = ()) -> None:
        self.request = request
        self.response = response
        self.unseen = unseen
        self.seen: list[list[Text]] = []
        """Where its texts are, once somebody has looked: a box for `Payload.seen`."""
        self._text_is_made = False
        self._text: bytes | None = None

    def text(self) -> bytes | None:
        """All its texts, as `Guardrail.glance` gets them; None if they are too long."""
        if not self._text_is_made:
            self._text_is_made = True
            texts = self._texts()
            if sum(map(len, texts)) < AT_A_GLANCE:
                self._text = "\n".join(texts).encode("utf-8", "surrogatepass")
        return self._text

    def _texts(self) -> list[str]:
        if not self.unseen:
            texts = plain_texts(self.request) if self.response is None else plain_answer_texts(self.response)
            if texts is not None:
                return texts
        self.seen.append(all_places(self.request, self.response, self.unseen))
        return [place.text for place in self.seen[0]]
