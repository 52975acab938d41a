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


class TextTokenizer:
    """Special tokens are added, and counted in `max_tokens`; may be used by several threads at a time."""

    def __init__(self, folder: ModelFolder, max_tokens: int) -> None:
        """Raises: ConfigError without a usable `tokenizer.json` or `vocab.txt`."""
        self._tokenizer = _load(folder)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)

    def encode(self, texts: Sequence[str]) -> tuple[list[list[int]], list[int]]:
        """The ids of each text, cut at the limit, and the indexes of the texts that were cut."""
        encodings = self._tokenizer.encode_batch(list(texts))
        return [one.ids for one in encodings], [index for index, one in enumerate(encodings) if one.overflowing]


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
