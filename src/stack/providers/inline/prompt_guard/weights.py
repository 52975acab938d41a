"""Prompt Guard itself, or any classifier of texts like it, from a folder: `model.onnx`, or weights for transformers.

Source: https://huggingface.co/meta-llama/Llama-Prompt-Guard-2-86M
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stack.apis.safety import Finding
from stack.errors import ConfigError
from stack.importing import one_at_a_time

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_OVERLAP = 64  # tokens that two windows share, so that no attack is cut in halves
_BATCH = 8
_LONE_SURROGATES = re.compile(r"[\ud800-\udfff]")  # which tokenizers refuse
_HARMLESS = frozenset({"benign", "safe", "label_0", "negative", "legit"})
_EXPORTED = ("model.onnx", "onnx/model.onnx")

# (batch, length) ids and mask to (batch, labels) logits.
Run = Callable[["NDArray[np.int64]", "NDArray[np.int64]"], "NDArray[np.float32]"]


class Classifier:
    """A folder's tokenizer and model; may be called by several threads, which wait for each other."""

    def __init__(self, folder: Path, max_tokens: int) -> None:
        """Raises: ConfigError for a folder that holds no classifier, or packages that are not installed."""
        with one_at_a_time:
            self._tokenizer = _tokenizer(folder, max_tokens)
            self._categories = _categories(folder)
            exported = next((folder / name for name in _EXPORTED if (folder / name).is_file()), None)
            self._run = _with_onnx(exported) if exported else _with_transformers(folder)
        self._lock = threading.Lock()
        self._check(folder)

    def findings(self, text: str, threshold: float) -> Iterator[Finding]:
        """Windows of the text whose attack is surer than the threshold, each once, as its surest category."""
        encoded = self._tokenizer.encode(_LONE_SURROGATES.sub("\ufffd", text))
        windows = [each for each in (encoded, *encoded.overflowing) if each.ids]
        for at in range(0, len(windows), _BATCH):
            part = windows[at : at + _BATCH]
            for window, scores in zip(part, self._scores([each.ids for each in part]), strict=True):
                category, score = max(scores.items(), key=lambda each: each[1])
                places = [place for place in window.offsets if place[1] > place[0]]
                if score >= threshold and places:
                    yield Finding(f"prompt_attack/{category}", score, 0, places[0][0], places[-1][1], None, "weights")

    def _scores(self, rows: Sequence[Sequence[int]]) -> list[dict[str, float]]:
        """Per row, how likely each category is."""
        import numpy as np

        width = max(map(len, rows))
        ids = np.zeros((len(rows), width), np.int64)
        mask = np.zeros((len(rows), width), np.int64)
        for index, row in enumerate(rows):
            ids[index, : len(row)], mask[index, : len(row)] = row, 1
        with self._lock:
            logits = self._run(ids, mask)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        return [{name: float(row[at]) for at, name in self._categories.items()} for row in shares]

    def _check(self, folder: Path) -> None:
        """Run it once. Raises: ConfigError."""
        try:
            self._scores([self._tokenizer.encode("hello").ids or [0]])
        except Exception as error:  # of onnxruntime, torch or numpy, which share no class
            raise ConfigError(f"`{folder}` holds no classifier of texts that can be run: {error}") from error


def _tokenizer(folder: Path, max_tokens: int) -> Any:
    """Raises: ConfigError."""
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ConfigError("`model_dir` needs packages: run `pip install onnxruntime tokenizers numpy`") from error
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the only class that the tokenizers package raises
        raise ConfigError(f"`{folder / 'tokenizer.json'}` is no tokenizer that can be read: {error}") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens, stride=min(_OVERLAP, max_tokens // 4))
    return tokenizer


def _categories(folder: Path) -> dict[int, str]:
    """Which outputs mean an attack, and of what kind; what the labels do not tell is an injection."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
        labels = {int(at): str(label).lower() for at, label in config["id2label"].items()}
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ConfigError(
            f"`{folder / 'config.json'}` must have `id2label`, the names of what is told apart"
        ) from error
    found = {at: label for at, label in labels.items() if label not in _HARMLESS}
    if not found or len(found) == len(labels):
        raise ConfigError(f"`{folder / 'config.json'}` has the labels {sorted(labels.values())}: one must be `BENIGN`")
    return {at: "jailbreak" if "jailbreak" in label else "injection" for at, label in found.items()}


def _with_onnx(path: Path) -> Run:
    """Raises: ConfigError."""
    try:
        import onnxruntime as ort
    except ImportError as error:
        raise ConfigError("`model.onnx` needs a package: run `pip install onnxruntime`") from error
    try:
        session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no class
        raise ConfigError(f"`{path}` cannot be loaded: {error}") from error
    names = {each.name for each in session.get_inputs()}

    def run(ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": ids * 0}
        logits: NDArray[np.float32] = session.run(None, {name: feed[name] for name in names})[0]
        return logits

    return run


def _with_transformers(folder: Path) -> Run:
    """Raises: ConfigError."""
    try:
        import torch
        from transformers import AutoModelForSequenceClassification
    except ImportError as error:
        message = f"`{folder}` has no `model.onnx`: export it, or run `pip install torch transformers`"
        raise ConfigError(message) from error
    try:
        model = AutoModelForSequenceClassification.from_pretrained(str(folder), local_files_only=True).eval()
    except Exception as error:  # transformers raises OSError, ValueError and those of safetensors
        raise ConfigError(f"`{folder}` cannot be loaded by transformers: {error}") from error

    def run(ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        with torch.no_grad():
            answer = model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask))
        logits: NDArray[np.float32] = answer.logits.float().numpy()
        return logits

    return run
