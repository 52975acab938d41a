"""A folder of a model as transformers reads it, as small as they come: it says the alphabet."""

from __future__ import annotations

import string
from pathlib import Path

from alphabet_gguf import CONTEXT, LETTERS, TEMPLATE

SPECIAL = ["<unk>", "<s>", "</s>"]
CHARACTERS = [character for character in string.printable if character not in LETTERS]
WORDS = [*SPECIAL, *CHARACTERS, *LETTERS]


def write_folder(folder: Path, *, template: str | None = TEMPLATE) -> Path:
    """What follows a letter is the next one, what follows `z` is the end, and what follows anything else is `a`."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    width, first = 128, WORDS.index("a")
    config = LlamaConfig(
        vocab_size=len(WORDS), hidden_size=width, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=CONTEXT, bos_token_id=1, eos_token_id=2, tie_word_embeddings=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.model.norm.weight.fill_(1.0)
        model.model.embed_tokens.weight.copy_(torch.eye(len(WORDS), width))
        for token in range(len(WORDS)):
            after = 2 if WORDS[token] == "z" else token + 1 if token >= first else first
            model.lm_head.weight[after, token] = 30.0
    model.save_pretrained(folder)
    _tokenizer(template).save_pretrained(folder)
    return folder


def _tokenizer(template: str | None):
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("[\\s\\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    names = dict(zip(("unk_token", "bos_token", "eos_token"), SPECIAL, strict=True))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
    fast.chat_template = template
    return fast
