"""Texts as token ids, by the tokenizer that a model's folder holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from stack.errors import ConfigError
from stack.providers.inline.onnx_embeddings.folder import ModelFolder

# No language comes near so many characters per token. Reading 20 MB to keep a page would take seconds and gigabytes.
CHARACTERS_PER_TOKEN = 32
_TEXTS_AT_ONCE = 64


class TextTokenizer:
    """Special tokens are added, and counted in `max_tokens`; may be used by several threads at a time."""

    def __init__(self, folder: ModelFolder, max_tokens: int) -> None:
        """Raises: ConfigError without a usable `tokenizer.json` or `vocab.txt`."""
        self._tokenizer = _load(folder)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        self._max_characters = CHARACTERS_PER_TOKEN * max_tokens
        self.marks: int = self._tokenizer.num_special_tokens_to_add(False)  # at the begin and end of every text

    def encode(self, texts: Sequence[str]) -> tuple[list[list[int]], list[int]]:
        """The ids of each text, cut at the limit, and the indexes of the texts that were cut."""
        rows: list[list[int]] = []
        cut: list[int] = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            part = [text[: self._max_characters] for text in texts[start : start + _TEXTS_AT_ONCE]]
            for index, encoding in enumerate(self._tokenizer.encode_batch(part), start):
                rows.append(encoding.ids)
                if encoding.overflowing or len(texts[index]) > self._max_characters:
                    cut.append(index)
        return rows, cut

    def count(self, text: str) -> int:
        """The tokens of a text of any length, special ones not counted."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return len(encoding) + sum(map(len, encoding.overflowing))


def _load(folder: ModelFolder) -> Tokenizer:
    whole, vocabulary = folder.path / "tokenizer.json", folder.path / "vocab.txt"
    found = next((path for path in (whole, vocabulary) if path.is_file()), None)
    if found is None:
        raise ConfigError(f"`{folder.path}` holds no tokenizer: it needs `tokenizer.json` or `vocab.txt`")
    try:
        return Tokenizer.from_file(str(whole)) if found == whole else _word_piece(vocabulary, folder.lower_case)
    except Exception as error:  # the only class that the tokenizers package raises
        raise ConfigError(f"`{found}` is no tokenizer that can be read: {error}") from error


def _word_piece(vocabulary: Path, lower_case: bool) -> Tokenizer:
    """BERT's tokenizer, which is all that `vocab.txt` can mean. Source: https://github.com/google-research/bert"""
    model = WordPiece.from_file(str(vocabulary), unk_token="[UNK]")  # noqa: S106
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = BertNormalizer(lowercase=lower_case)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    marks = [(mark, tokenizer.token_to_id(mark)) for mark in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=marks)
    return tokenizer
