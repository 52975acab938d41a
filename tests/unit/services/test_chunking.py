"""Chunks hold all of a text, in order, within their sizes, cut where a reader would."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.apis.chunking import AUTO, ChunkingStrategy, StaticChunking
from stack.services.chunking import Count, TextChunk, chunk, estimate_tokens
from stack.services.graphemes import is_boundary
from stack.services.parsing import ParsedDocument

PARTS = st.sampled_from(
    [
        "word ",
        "a",
        "Sentence. ",
        "Ende! ",
        "\n",
        "\n\n",
        "# Heading\n",
        "| cell |\n",
        "漢字。",
        "👨‍👩‍👧",
        "🇩🇪",
        "e\u0301",
        "   ",
        "x" * 50,
        "\t",
    ]
)
TEXTS = st.one_of(st.text(max_size=2000), st.lists(PARTS, max_size=400).map("".join))
STRATEGIES = st.integers(100, 400).flatmap(
    lambda size: st.builds(static, st.just(size), st.integers(0, size // 2))
)  # larger sizes differ in nothing but the length of the texts that they need
COUNTS: dict[str, Count] = {
    "estimate": estimate_tokens,
    "characters": len,
    "words": lambda text: len(text.split()),
    "bytes": lambda text: len(text.encode("utf-8", "surrogatepass")),
}


def static(size: int, overlap: int) -> ChunkingStrategy:
    return ChunkingStrategy(
        type="static", static=StaticChunking(max_chunk_size_tokens=size, chunk_overlap_tokens=overlap)
    )


def cut(text: str, size: int = 100, overlap: int = 0, count: Count = estimate_tokens) -> list[TextChunk]:
    return chunk(ParsedDocument(text), static(size, overlap), count)


@given(TEXTS, STRATEGIES, st.sampled_from(sorted(COUNTS)))
def test_every_character_is_in_a_chunk_and_every_chunk_in_the_text(text: str, strategy: ChunkingStrategy, count: str):
    chunks = chunk(ParsedDocument(text), strategy, COUNTS[count])
    reached = 0
    for each in chunks:
        assert each.text == text[each.start : each.end]
        assert each.text.strip()
        assert not text[reached : each.start].strip()
        reached = max(reached, each.end)
    assert not text[reached:].strip()
    assert all(one.start < two.start and one.end < two.end for one, two in pairwise(chunks))


@given(TEXTS, STRATEGIES, st.sampled_from(sorted(COUNTS)))
def test_no_chunk_has_more_tokens_than_asked(text: str, strategy: ChunkingStrategy, count: str):
    for each in chunk(ParsedDocument(text), strategy, COUNTS[count]):
        assert COUNTS[count](each.text) <= each.tokens <= strategy.sizes.max_chunk_size_tokens


@given(TEXTS, STRATEGIES)
def test_no_chunk_shares_more_tokens_than_asked(text: str, strategy: ChunkingStrategy):
    for one, two in pairwise(chunk(ParsedDocument(text), strategy)):
        assert estimate_tokens(text[two.start : max(one.end, two.start)]) <= strategy.sizes.chunk_overlap_tokens


@given(TEXTS)
def test_no_grapheme_is_cut(text: str):
    for each in cut(text, overlap=50):
        assert is_boundary(text, each.end, each.start)
        assert each.start == 0 or is_boundary(text, each.start, 0)


PROSE = "\n\n".join(" ".join(f"This is sentence {n} of paragraph {p}." for n in range(6)) for p in range(200))


@pytest.mark.parametrize(("size", "overlap"), [(100, 50), (800, 400), (800, 100), (4096, 2048)])
def test_prose_shares_about_what_was_asked(size: int, overlap: int):
    chunks = cut(PROSE, size, overlap)
    shared = [estimate_tokens(PROSE[two.start : one.end]) for one, two in pairwise(chunks)]
    assert all(overlap * 0.7 <= each <= overlap for each in shared)
    assert all(each.tokens > size / 2 for each in chunks[:-1])


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("A sentence here. " * 20 + "\n\n" + "Another one there. " * 40, "here."),
        ("line without an end\n" * 40, "end"),
        ("One sentence, and then some more words. " * 20, "words."),
        ("word " * 300, "word"),
        ("漢字仮名交じり文。" * 40, "。"),
        ('{"key":"value","more":12},' * 40, ","),
    ],
)
def test_a_chunk_ends_where_a_reader_would_stop(text: str, ends: str):
    assert all(each.text.endswith(ends) for each in cut(text))


def test_a_chunk_begins_with_a_heading_where_one_is_near():
    text = "".join(f"# Heading {n}\n\n{'Some words of this part. ' * 12}\n\n" for n in range(20))
    assert all(each.text.startswith("# Heading") for each in cut(text))


def test_the_indent_of_code_is_kept():
    text = "\n\n".join(f"    def method_{n}(self):\n        return {n}" for n in range(60))
    assert all(each.text.startswith("    def") for each in cut(text))


@pytest.mark.parametrize("text", ["", " \n\t ", "\u3000\u2003"])
def test_nothing_gives_no_chunks(text: str):
    assert cut(text) == []


def test_a_short_text_is_one_chunk():
    assert chunk(ParsedDocument("  Hello, world.\n"), AUTO) == [TextChunk("  Hello, world.", 0, 15, 4)]


@pytest.mark.parametrize(
    ("text", "tokens"), [("four", 1), ("", 0), ("é" * 8, 5), ("漢" * 8, 8), ("😀" * 8, 11), ("\ud800", 1)]
)
def test_the_estimate_counts_letters_by_their_bytes(text: str, tokens: float):
    assert estimate_tokens(text) == tokens


LENGTH = 200_000
HOSTILE: dict[str, Callable[[int], str]] = {
    "prose": lambda n: PROSE * (n // len(PROSE)),
    "one word": lambda n: "a" * n,
    "marks": lambda n: "a" + "\u0301" * n,
    "flags": lambda n: "\U0001f1e9" * n,
    "families": lambda n: "👨‍👩‍👧‍👦" * (n // 7),
    "white space": lambda n: " " * n + "x",
    "lines": lambda n: "\n" * n + "x",
    "dots": lambda n: '."' * (n // 2),
    "headings": lambda n: "# \n" * (n // 3),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize(("size", "overlap"), [(100, 50), (4096, 2048)])
def test_no_text_takes_long(kind: str, size: int, overlap: int):
    began = time.process_time()
    cut(HOSTILE[kind](LENGTH), size, overlap)
    assert time.process_time() - began < 4
