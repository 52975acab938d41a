"""Token ids as vectors: a model in onnxruntime, then pooling and scaling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort

from stack.errors import ConfigError
from stack.providers.inline.onnx_embeddings.folder import ModelFolder
from stack.providers.inline.onnx_embeddings.graph import bert
from stack.providers.inline.onnx_embeddings.weights import read_tensors

if TYPE_CHECKING:
    from numpy.typing import NDArray

POOLED = "sentence_embedding"  # what sentence-transformers calls the output of an export that pools
_ERRORS_ONLY = 3
_KNOWN_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}


class Encoder:
    """One session, which any number of threads may call at a time; each call computes on the thread that makes it."""

    def __init__(self, folder: ModelFolder, normalize: bool) -> None:
        """Raises: ConfigError for a model that cannot be loaded, or does not map ids to vectors."""
        self._folder = folder
        self._normalize = normalize
        source = folder.exported or folder.path / "model.safetensors"
        try:
            self._session = _exported(folder.exported) if folder.exported else _built(folder, source)
            self._inputs = {one.name for one in self._session.get_inputs()}
            self._output = self._choose_output()
            self.dimensions = len(self.compute([[0, 0]])[0]) // 4
        except ConfigError:
            raise
        except Exception as error:  # onnxruntime's errors share no class
            raise ConfigError(f"`{source}` cannot be run: {error}") from error

    def compute(self, rows: Sequence[Sequence[int]]) -> list[bytes]:
        """The vector of each row of ids, as little-endian float32."""
        width = max(map(len, rows))
        ids = np.full((len(rows), width), self._folder.pad_token_id, np.int64)
        mask = np.zeros((len(rows), width), np.int64)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
            mask[index, : len(row)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (found,) = self._session.run([self._output], {name: feed[name] for name in self._inputs})
        vectors = found if found.ndim == 2 else self._pooled(found, mask)
        if self._normalize:
            vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return [vector.tobytes() for vector in vectors.astype("<f4")]

    def _pooled(self, hidden: NDArray[np.float32], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """(batch, length, hidden) to (batch, hidden), padding left out."""
        if self._folder.pooling == "cls":
            return hidden[:, 0]
        weights = mask.astype(np.float32) / mask.sum(axis=1, keepdims=True, dtype=np.float32)
        pooled: NDArray[np.float32] = np.matmul(weights[:, None, :], hidden)[:, 0]
        return pooled

    def _choose_output(self) -> str:
        if unknown := self._inputs - _KNOWN_INPUTS:
            raise ConfigError(f"`{self._folder.exported}` wants the inputs {sorted(unknown)}, which are not known here")
        outputs: dict[str, int] = {one.name: len(one.shape) for one in self._session.get_outputs()}
        chosen = [name for name in outputs if name == POOLED] or [name for name, rank in outputs.items() if rank == 3]
        if not chosen:
            raise ConfigError(f"`{self._folder.exported}` has the outputs {sorted(outputs)}: none holds token vectors")
        return chosen[0]


def _exported(path: Path) -> ort.InferenceSession:
    return ort.InferenceSession(str(path), _options(), providers=["CPUExecutionProvider"])


def _built(folder: ModelFolder, weights: Path) -> ort.InferenceSession:
    assert folder.architecture is not None
    options = _options()
    # The graph holds offsets into the file: onnxruntime maps it, and processes that serve the same model share it.
    weights = weights.resolve()
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(weights.parent))
    graph = bert(folder.architecture, read_tensors(weights))
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _options() -> ort.SessionOptions:
    """One core for each call: calls run side by side, and a batch shares none of its rows with another core."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    options.enable_mem_pattern = False  # it keeps a plan of memory for every shape, and here shapes vary
    return options
