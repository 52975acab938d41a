"""A GGUF file as small as they come: a model that says the alphabet.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import string
import struct
from pathlib import Path
from typing import Any

import numpy

U32, F32, TEXT, ARRAY, U64, I32 = 4, 6, 8, 9, 10, 5
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
WIDTH = 320
CONTEXT = 256
LETTERS = string.ascii_lowercase
TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'tool' %}{{ raise_exception('no tools') }}{% endif %}"
    "{{ m['content'] }} {% endfor %}:"
)


def vocabulary() -> list[tuple[str, int]]:
    """The tokens and their kinds: three of control, every byte, the letters."""
    control = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)]
    return control + [(f"<0x{byte:02X}>", BYTE) for byte in range(256)] + [(letter, NORMAL) for letter in LETTERS]


def write_gguf(path: Path) -> Path:
    """What follows a letter is the next one, what follows `z` is the end, and what follows anything else is `a`."""
    tokens = vocabulary()
    names = [text for text, _ in tokens]
    first = names.index("a")
    facts: dict[str, tuple[int, Any]] = {
        "general.architecture": (TEXT, "llama"),
        "llama.context_length": (U32, CONTEXT),
        "llama.embedding_length": (U32, WIDTH),
        "llama.block_count": (U32, 1),
        "llama.feed_forward_length": (U32, 32),
        "llama.attention.head_count": (U32, 4),
        "llama.attention.head_count_kv": (U32, 4),
        "llama.attention.layer_norm_rms_epsilon": (F32, 1e-5),
        "llama.rope.dimension_count": (U32, WIDTH // 4),
        "tokenizer.ggml.model": (TEXT, "llama"),
        "tokenizer.ggml.tokens": (ARRAY, (TEXT, names)),
        "tokenizer.ggml.scores": (ARRAY, (F32, [0.0] * len(names))),
        "tokenizer.ggml.token_type": (ARRAY, (I32, [kind for _, kind in tokens])),
        "tokenizer.ggml.bos_token_id": (U32, 1),
        "tokenizer.ggml.eos_token_id": (U32, 2),
        "tokenizer.ggml.unknown_token_id": (U32, 0),
        "tokenizer.ggml.add_space_prefix": (7, False),
        "tokenizer.chat_template": (TEXT, TEMPLATE),
    }
    embedding = numpy.eye(len(names), WIDTH, dtype="<f4")
    output = numpy.zeros((len(names), WIDTH), dtype="<f4")
    for token in range(len(names)):
        after = 2 if names[token] == "z" else token + 1 if token >= first else first
        output[after, token] = 1.0
    nothing = {
        "blk.0.attn_q.weight": (WIDTH, WIDTH), "blk.0.attn_k.weight": (WIDTH, WIDTH),
        "blk.0.attn_v.weight": (WIDTH, WIDTH), "blk.0.attn_output.weight": (WIDTH, WIDTH),
        "blk.0.ffn_gate.weight": (32, WIDTH), "blk.0.ffn_up.weight": (32, WIDTH), "blk.0.ffn_down.weight": (WIDTH, 32),
    }  # fmt: skip
    ones = ("output_norm.weight", "blk.0.attn_norm.weight", "blk.0.ffn_norm.weight")
    tensors = {"token_embd.weight": embedding, "output.weight": output}
    tensors |= {name: numpy.ones(WIDTH, dtype="<f4") for name in ones}
    tensors |= {name: numpy.zeros(shape, dtype="<f4") for name, shape in nothing.items()}
    path.write_bytes(_document(facts, tensors))
    return path


def _document(facts: dict[str, tuple[int, Any]], tensors: dict[str, Any]) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(facts))
    head += b"".join(_text(key) + struct.pack("<I", kind) + _value(kind, value) for key, (kind, value) in facts.items())
    data = b""
    for name, tensor in tensors.items():
        shape = tensor.shape[::-1]
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        data += tensor.tobytes() + bytes(-tensor.nbytes % 32)
    return head + bytes(-len(head) % 32) + data


def _value(kind: int, value: Any) -> bytes:
    if kind == TEXT:
        return _text(value)
    if kind == ARRAY:
        item, values = value
        return struct.pack("<IQ", item, len(values)) + b"".join(_value(item, each) for each in values)
    return struct.pack({U32: "<I", I32: "<i", F32: "<f", 7: "<?"}[kind], value)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data
