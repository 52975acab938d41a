"""The embeddings provider on a tiny model that is written here, with a forward pass in numpy to compare with."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stack.apis.embeddings import EmbeddingsRequest

Weights = dict[str, Any]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "cat", "mat", "on", "sat", "the", "##s", "."]
HIDDEN, INNER, HEADS, POSITIONS = 8, 16, 2, 14
CONFIG = {
    "model_type": "bert",
    "hidden_size": HIDDEN,
    "num_hidden_layers": 2,
    "num_attention_heads": HEADS,
    "max_position_embeddings": POSITIONS,
    "pad_token_id": 0,
    "layer_norm_eps": 1e-12,
}


def new_weights(prefix: str = "") -> Weights:
    """Random tensors under the names of transformers."""
    shapes = {f"embeddings.{name}_embeddings.weight": (rows, HIDDEN) for name, rows in _TABLES.items()}
    norms = ["embeddings"]
    for layer in ("encoder.layer.0", "encoder.layer.1"):
        norms += [f"{layer}.attention.output", f"{layer}.output"]
        linear = {f"attention.self.{part}": (HIDDEN, HIDDEN) for part in ("query", "key", "value")}
        linear |= {"attention.output.dense": (HIDDEN, HIDDEN)}
        linear |= {"intermediate.dense": (INNER, HIDDEN), "output.dense": (HIDDEN, INNER)}
        shapes |= {f"{layer}.{name}.weight": shape for name, shape in linear.items()}
        shapes |= {f"{layer}.{name}.bias": shape[:1] for name, shape in linear.items()}
    shapes |= {f"{name}.LayerNorm.{part}": (HIDDEN,) for name in norms for part in ("weight", "bias")}
    random = np.random.default_rng(7)
    return {prefix + name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


_TABLES = {"word": len(WORDS), "position": POSITIONS, "token_type": 2}


def write_safetensors(path: Path, tensors: Mapping[str, Any]) -> None:
    """Source: https://huggingface.co/docs/safetensors"""
    header, data = {}, b""
    for name, tensor in tensors.items():
        kind = {"float32": "F32", "float16": "F16", "uint16": "BF16"}[str(tensor.dtype)]
        end = len(data) + tensor.nbytes
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [len(data), end]}
        data += tensor.tobytes()
    encoded = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + data)


def hidden_states(weights: Weights, ids: list[int], act: str = "gelu", prefix: str = "", first: int = 0) -> Any:
    """(tokens, hidden) of one text, without padding: BERT as in the paper, in float64."""
    w = {name.removeprefix(prefix): tensor.astype(np.float64) for name, tensor in weights.items()}

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt(x.var(-1, keepdims=True) + 1e-12) * w[f"{name}.weight"] + w[f"{name}.bias"]

    table = "embeddings.{}_embeddings.weight".format
    positions = w[table("position")][first : first + len(ids)]
    x = norm(w[table("word")][ids] + positions + w[table("token_type")][0], "embeddings.LayerNorm")
    for layer in ("encoder.layer.0", "encoder.layer.1"):
        heads = [linear(x, f"{layer}.attention.self.{part}") for part in ("query", "key", "value")]
        q, k, v = (one.reshape(len(ids), HEADS, -1).transpose(1, 0, 2) for one in heads)
        scores = np.exp(q @ k.transpose(0, 2, 1) / math.sqrt(HIDDEN // HEADS))
        mixed = (scores / scores.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(ids), HIDDEN)
        x = norm(linear(mixed, f"{layer}.attention.output.dense") + x, f"{layer}.attention.output.LayerNorm")
        inner = ACTIVATIONS[act](linear(x, f"{layer}.intermediate.dense"))
        x = norm(linear(inner, f"{layer}.output.dense") + x, f"{layer}.output.LayerNorm")
    return x


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "gelu": lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2,
    "gelu_new": lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
    "relu": lambda x: np.maximum(x, 0),
}


class TinyModel:
    """A folder with a model of 12 words. `save()` writes it again after something was changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config: dict[str, Any] = dict(CONFIG)
        self.weights = new_weights()
        (path / "vocab.txt").write_text("\n".join(WORDS))
        self.save()

    def save(self, **more: Any) -> None:
        """more: further JSON files by their names, `__` for a slash."""
        self.save_weights(self.weights)
        for name, content in {"config": self.config, **more}.items():
            file = self.path / f"{name.replace('__', '/')}.json"
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps(content))

    def save_weights(self, tensors: Weights) -> None:
        """uint16 stands for the upper half of a float32."""
        write_safetensors(self.path / "model.safetensors", tensors)

    def vector(self, ids: list[int], **how: Any) -> Any:
        """The unit vector of the mean of a text's tokens."""
        mean = hidden_states(self.weights, ids, **how).mean(0)
        return mean / np.linalg.norm(mean)


@pytest.fixture
def tiny(tmp_path: Path) -> TinyModel:
    folder = tmp_path / "tiny"
    folder.mkdir()
    return TinyModel(folder)


@pytest.fixture
def embedder(provider: Any) -> Callable[..., Any]:
    """`await embedder(model_dir=...)`: a provider that has started."""

    async def start(**config: Any) -> Any:
        made = provider("inline::onnx-embeddings", **config)
        await made.initialize()
        return made

    return start


@pytest.fixture
def ask(embedder: Any, tiny: TinyModel) -> Callable[..., Any]:
    """`await ask("text", dimensions=8)`: the reply of the tiny model."""

    async def ask(given: Any, config: Mapping[str, Any] | None = None, model: str = "tiny", **options: Any) -> Any:
        made = await embedder(model_dir=tiny.path, **config or {})
        return await made.openai_embeddings(EmbeddingsRequest(model=model, input=given, **options))

    return ask


@pytest.fixture
def vectors(ask: Any) -> Callable[..., Any]:
    return partial(_vectors, ask)


async def _vectors(ask: Any, *given: Any, **options: Any) -> Any:
    return [one.embedding for one in (await ask(*given, **options)).value.data]
