"""Texts that end at a stop sequence, however they come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tianji_core.translate.stops import StopCutter, stops_of


def cut(stops: tuple[str, ...], *pieces: str) -> tuple[str, bool]:
    cutter = StopCutter(stops)
    text = "".join([cutter.feed(piece) for piece in pieces])
    return text + cutter.finish(), cutter.stopped


def test_examples():
    assert cut(("END",), "one E", "N", "D two") == ("one ", True)
    assert cut(("END",), "one E", "N", "d two") == ("one ENd two", False)
    assert cut(("b", "ab"), "xxab") == ("xx", True)
    assert cut((), "a", "b") == ("ab", False)
    assert cut(("aab",), "aaab") == ("a", True)


def test_nothing_passes_after_the_end():
    cutter = StopCutter(("x",))
    assert cutter.feed("ax") == "a"
    assert cutter.feed("b") == cutter.finish() == ""


@given(
    st.lists(st.text("abE", max_size=3), max_size=8), st.sampled_from([("E",), ("ab", "EE"), ("abab",), ("aa", "b")])
)
def test_the_pieces_do_not_matter(pieces, stops):
    text = "".join(pieces)
    ends = [at for stop in stops if (at := text.find(stop)) >= 0]
    assert cut(stops, *pieces)[1] == bool(ends)
    if not ends:
        assert cut(stops, *pieces)[0] == text
    else:
        assert not any(stop in cut(stops, *pieces)[0] for stop in stops)
        assert text.startswith(cut(stops, *pieces)[0])


def test_what_a_request_may_say():
    assert stops_of("END") == ("END",)
    assert stops_of(["a", "", None, "b"]) == ("a", "b")
    assert stops_of(None) == stops_of({}) == ()
