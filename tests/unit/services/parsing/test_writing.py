"""What a document's text never holds, and offsets that stay right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.errors import ParseFailed
from stack.services.parsing import Limits
from stack.services.parsing.document import ParsedDocument, Span
from stack.services.parsing.writing import Writing, clean

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\x00b\x07c\x7f\x9f", "abc"),
        ("a\r\nb\rc\x0bd\x0ce\x85f\u2028g", "a\nb\nc\nd\ne\nf\ng"),
        ("a\u2029b", "a\n\nb"),
        ("\ud83d alone \udc00", "\ufffd alone \ufffd"),
        ("\ufeffmark \ufffe", "mark "),
        ("tab\tstays é 😀", "tab\tstays é 😀"),
    ],
)
def test_what_is_no_text_is_taken_out(text: str, cleaned: str):
    assert clean(text) == cleaned


@given(ANY_TEXT)
def test_any_text_can_be_stored(text: str):
    cleaned = clean(text)
    cleaned.encode()
    assert clean(cleaned) == cleaned
    assert not any(each < " " and each not in "\n\t" for each in cleaned)


@given(st.lists(st.tuples(st.sampled_from(["add", "line", "paragraph", "begin", "heading"]), ANY_TEXT), max_size=30))
def test_parts_are_in_order_and_inside_of_the_text(steps: list[tuple[str, str]]):
    writing = Writing(Limits())
    writing.add("text")
    for step, text in steps:
        if step == "begin":
            writing.begin("page", text)
        elif step == "heading":
            writing.heading(len(text) % 6 + 1, text)
        else:
            getattr(writing, step)(text)
    document = writing.finished("text")
    edges = [edge for span in document.spans for edge in (span.start, span.end)]
    assert edges == sorted(edges)
    assert all(span.start < span.end <= len(document.text) for span in document.spans)


def test_offsets_count_what_is_left_of_a_text():
    writing = Writing(Limits())
    for number in (1, 2):
        writing.gap()
        writing.begin("page", f"page {number}")
        writing.add(f"\x00page\r\n\x01{number}\ud800")
    document = writing.finished("pdf")
    assert [document.text[span.start : span.end] for span in document.spans] == ["page\n1\ufffd\n\n", "page\n2\ufffd"]


def test_a_text_over_the_limit_is_refused_before_it_is_held():
    writing = Writing(Limits(text_bytes=10))
    writing.add("éééé")
    with pytest.raises(ParseFailed, match="more than"):
        writing.add("éé")


DOCUMENT = ParsedDocument(
    "aaaa bbbb cccc",
    (Span(0, 5, "page", "page 1"), Span(5, 10, "page", "page 2"), Span(10, 14, "page", "page 3")),
    "pdf",
)


@pytest.mark.parametrize(
    ("start", "end", "pages"),
    [
        (0, 4, ["page 1"]),
        (0, 5, ["page 1"]),
        (4, 6, ["page 1", "page 2"]),
        (5, 10, ["page 2"]),
        (0, 14, ["page 1", "page 2", "page 3"]),
        (13, 14, ["page 3"]),
    ],
)
def test_a_citation_names_the_parts_that_a_passage_touches(start: int, end: int, pages: list[str]):
    assert DOCUMENT.cite(start, end).as_metadata() == {"start": start, "end": end, "pages": pages}


def test_a_citation_of_a_text_without_parts_has_its_offsets():
    assert ParsedDocument("words").cite(1, 3).as_metadata() == {"start": 1, "end": 3}


def test_a_citation_before_the_first_heading_names_none():
    document = ParsedDocument("intro # One", (Span(6, 11, "section", "One"),), "markdown")
    assert document.cite(0, 5).labels == ()
    assert document.cite(0, 8).as_metadata()["sections"] == ["One"]
