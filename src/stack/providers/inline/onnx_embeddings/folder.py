"""A folder with a model of the BERT family, as transformers and sentence-transformers write it: what its files say.

Only `config.json` must be there. Source: https://sbert.net/docs/sentence_transformer/usage/custom_models.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from stack.errors import ConfigError

Pooling = Literal["mean", "cls"]
KNOWN_MODULES = {"Transformer", "Pooling", "Normalize"}
# How sentence-transformers before version 6 wrote `pooling_mode`.
_POOLING_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_EXPORTED = ("model.onnx", "onnx/model.onnx")
_INSTEAD = "give the folder a `model.onnx` instead"


class Architecture(BaseModel):
    """The sizes in `config.json` that a graph is built from, named as there."""

    model_type: Literal["bert", "roberta", "xlm-roberta", "camembert"]
    hidden_size: int = Field(gt=0)
    num_hidden_layers: int = Field(gt=0)
    num_attention_heads: int = Field(gt=0)
    hidden_act: Literal["gelu", "gelu_new", "gelu_pytorch_tanh", "relu"] = "gelu"
    layer_norm_eps: float = 1e-12
    position_embedding_type: Literal["absolute"] = "absolute"
    pad_token_id: int = Field(0, ge=0)

    @property
    def first_position(self) -> int:
        """RoBERTa counts positions from behind the id of padding."""
        return 0 if self.model_type == "bert" else self.pad_token_id + 1


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model on disk. exported: its ONNX file, or None to build a graph from `model.safetensors`.

    max_tokens: the longest input it was made for, special tokens included. lower_case: for a tokenizer made from
    `vocab.txt`.
    """

    path: Path
    exported: Path | None
    architecture: Architecture | None
    max_tokens: int
    pooling: Pooling
    lower_case: bool
    pad_token_id: int


def read_folder(path: Path, pooling: Pooling | None = None) -> ModelFolder:
    """What the files of a model's folder say; `pooling` wins over theirs.

    Raises: ConfigError naming the file that is missing or not understood.
    """
    config = _json(path / "config.json", required=True)
    exported = next((path / name for name in _EXPORTED if (path / name).is_file()), None)
    if exported is None and not (path / "model.safetensors").is_file():
        raise ConfigError(f"`{path}` holds no model: it needs `model.safetensors` or `model.onnx`")
    architecture = None if exported else _architecture(path, config)
    tokenizer = _json(path / "tokenizer_config.json")
    positions = config.get("max_position_embeddings", 512) - (architecture.first_position if architecture else 0)
    trained = _json(path / "sentence_bert_config.json").get("max_seq_length"), tokenizer.get("model_max_length")
    return ModelFolder(
        path=path,
        exported=exported,
        architecture=architecture,
        max_tokens=int(min([positions, *filter(None, trained)])),
        pooling=pooling or _pooling(path),
        lower_case=tokenizer.get("do_lower_case", True),
        pad_token_id=config.get("pad_token_id") or 0,
    )


def _architecture(path: Path, config: dict[str, Any]) -> Architecture:
    try:
        return Architecture.model_validate(config)
    except ValidationError as error:
        wrong = ", ".join(f"`{detail['loc'][0]}`: {detail['msg'].lower()}" for detail in error.errors())
        raise ConfigError(f"`{path / 'config.json'}` is of no encoder known here ({wrong}): {_INSTEAD}") from error


def _pooling(path: Path) -> Pooling:
    """How the folder says that token vectors become one; their mean where it says nothing."""
    for module in _json(path / "modules.json") or []:
        if (kind := module["type"].rpartition(".")[2]) not in KNOWN_MODULES:
            raise ConfigError(f"`{path / 'modules.json'}` has the step `{kind}`, which is not known here: {_INSTEAD}")
    said = _json(path / "1_Pooling/config.json")
    mode = said.get("pooling_mode") or [name for name in _POOLING_FLAGS if said.get(name)]
    modes = [mode] if isinstance(mode, str) else [_POOLING_FLAGS.get(name, name) for name in mode]
    if modes in ([], ["mean"]):
        return "mean"
    if modes == ["cls"]:
        return "cls"
    raise ConfigError(f"`{path / '1_Pooling/config.json'}` pools by {modes}, and only `mean` and `cls` are known here")


def _json(path: Path, *, required: bool = False) -> Any:
    """A JSON file, empty if it is not there. Raises: ConfigError."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        if not required:
            return {}
        raise ConfigError(f"`{path}` is missing: name a model's folder with `model_dir`") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"`{path}` cannot be read: {error}") from error
