"""Text and keyword queries as FTS5 wants them. Source: https://sqlite.org/fts5.html"""

from __future__ import annotations

import re
from unicodedata import normalize

# Han, Hiragana and Katakana are written without spaces, and the tokenizer would take a whole line for one word: each
# character becomes a word, and a run of them in a query a phrase.
_UNSPACED = re.compile(r"[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_WORD = re.compile(r"(?:[^\W_][\u0300-\u036f]*)+")  # an accent of its own is a part of its word
MAX_WORDS = 256  # different ones of a query; the rest of a longer text would hardly change the order


def indexed_text(content: str) -> str:
    """A text as it is given to the tokenizer."""
    return content if content.isascii() else _UNSPACED.sub(r" \g<0> ", normalize("NFC", content))


def match_expression(text: str) -> str:
    """The FTS5 expression for any word of a text: nothing in it is an operator. Empty if there is no word."""
    # Each as it is: `casefold` makes words of some that the tokenizer does not, such as `strasse` of `Straße`.
    words: dict[str, str] = {}
    for word in _WORD.findall(text):
        words.setdefault(word.casefold(), word)
    # A string in quotes is a phrase of its tokens; letters and digits alone need no escape.
    return " OR ".join(f'"{indexed_text(word)}"' for word in list(words.values())[:MAX_WORDS])
