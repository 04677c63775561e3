"""Marks in texts become annotations."""

from __future__ import annotations

from tianji_core.openai_compat.citations import cite


def test_marks_become_annotations() -> None:
    text = "Paris[2] is big[1][9], see [a] and [0]."
    found = cite(text, ["https://a.test/", {"url": "https://b.test/", "title": "B"}])
    assert [a["url_citation"]["url"] for a in found] == ["https://b.test/", "https://a.test/"]
    assert [a["url_citation"]["title"] for a in found] == ["B", "https://a.test/"]
    spans = [text[a["url_citation"]["start_index"] : a["url_citation"]["end_index"]] for a in found]
    assert spans == ["[2]", "[1]"]
    assert {a["type"] for a in found} == {"url_citation"}


def test_sources_may_be_anything() -> None:
    assert cite("[1][2][3]", [None, 5, {"title": "x"}]) == []
    assert cite("[1]", []) == []
