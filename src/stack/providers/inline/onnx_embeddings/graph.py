"""A BERT encoder as an ONNX graph over the tensors of a safetensors file, which it refers to and does not copy.

Source: Devlin et al. 2019, https://arxiv.org/abs/1810.04805; the names of tensors are those of transformers' BertModel
and RobertaModel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stack.errors import ConfigError
from stack.providers.inline.onnx_embeddings import protobuf
from stack.providers.inline.onnx_embeddings.folder import Architecture
from stack.providers.inline.onnx_embeddings.protobuf import FLOAT, INT64, Attribute, Stored

ACTIVATIONS: dict[str, tuple[str, dict[str, Attribute]]] = {
    "gelu": ("Gelu", {}),
    "gelu_new": ("Gelu", {"approximate": "tanh"}),
    "gelu_pytorch_tanh": ("Gelu", {"approximate": "tanh"}),
    "relu": ("Relu", {}),
}
# Added to the score of padding. Far below any score, and still a number, so that no row can become NaN.
_MASKED = -1e30


def bert(architecture: Architecture, tensors: Mapping[str, Stored]) -> bytes:
    """A ModelProto: `input_ids` and `attention_mask` to `last_hidden_state`.

    Both are (batch, length) int64, the output is (batch, length, hidden) float32.
    Raises: ConfigError for a tensor that is missing or of a type that is not known here.
    """
    return _Bert(architecture, tensors).model()


class _Bert:
    """Between the reshapes at both ends, a row is one token: (batch * length, hidden)."""

    def __init__(self, architecture: Architecture, tensors: Mapping[str, Stored]) -> None:
        self.sizes = architecture
        self.tensors = tensors
        self.nodes: list[bytes] = []
        self.constants: list[bytes] = []
        ending = "embeddings.word_embeddings.weight"
        found = (name.removesuffix(ending) for name in tensors if name.endswith(ending))
        self.prefix = next(found, "")

    def model(self) -> bytes:
        self.batch, self.length = self._size("input_ids", 0), self._size("input_ids", 1)
        self.rows = self._integers(-1, self.sizes.hidden_size)
        self.padding = self._padding()
        state = self._embedded()
        for layer in range(self.sizes.num_hidden_layers):
            state = self._layer(f"encoder.layer.{layer}", state)
        shape = self._op("Concat", self.batch, self.length, self._integers(self.sizes.hidden_size), axis=0)
        self.nodes.append(protobuf.node("Reshape", (state, shape), "last_hidden_state"))
        ids = [protobuf.value(name, INT64, ("batch", "length")) for name in ("input_ids", "attention_mask")]
        hidden = protobuf.value("last_hidden_state", FLOAT, ("batch", "length", self.sizes.hidden_size))
        return protobuf.model(self.nodes, self.constants, ids, [hidden])

    def _embedded(self) -> str:
        words = self._op("Gather", self._weight("embeddings.word_embeddings.weight"), "input_ids")
        first = self._integers(self.sizes.first_position)
        positions = self._weight("embeddings.position_embeddings.weight")
        positions = self._op("Slice", positions, first, self._op("Add", self.length, first), self._integers(0))
        kinds = self._weight("embeddings.token_type_embeddings.weight")
        kind = self._op("Slice", kinds, self._integers(0), self._integers(1), self._integers(0))
        summed = self._op("Add", self._op("Add", words, kind), positions)
        return self._normalised("embeddings.LayerNorm", self._op("Reshape", summed, self.rows))

    def _layer(self, name: str, state: str) -> str:
        attended = self._linear(f"{name}.attention.output.dense", self._attended(f"{name}.attention.self", state))
        state = self._normalised(f"{name}.attention.output.LayerNorm", self._op("Add", attended, state))
        operator, attributes = ACTIVATIONS[self.sizes.hidden_act]
        inner = self._op(operator, self._linear(f"{name}.intermediate.dense", state), **attributes)
        outer = self._linear(f"{name}.output.dense", inner)
        return self._normalised(f"{name}.output.LayerNorm", self._op("Add", outer, state))

    def _attended(self, name: str, state: str) -> str:
        width = self.sizes.hidden_size // self.sizes.num_attention_heads
        heads = self._integers(self.sizes.num_attention_heads, width)
        shape = self._op("Concat", self.batch, self.length, heads, axis=0)

        def split(part: str, order: Sequence[int]) -> str:
            rows = self._linear(f"{name}.{part}", state)
            return self._op("Transpose", self._op("Reshape", rows, shape), perm=order)

        query, key, value = split("query", (0, 2, 1, 3)), split("key", (0, 2, 3, 1)), split("value", (0, 2, 1, 3))
        scores = self._op("MatMul", self._op("Mul", query, self._number(width**-0.5)), key)
        weights = self._op("Softmax", self._op("Add", scores, self.padding), axis=-1)
        joined = self._op("Transpose", self._op("MatMul", weights, value), perm=(0, 2, 1, 3))
        return self._op("Reshape", joined, self.rows)

    def _padding(self) -> str:
        """(batch, 1, 1, length): what is added to the scores, nothing where the mask is 1."""
        absent = self._op("Sub", self._number(1.0), self._op("Cast", "attention_mask", to=FLOAT))
        return self._op("Unsqueeze", self._op("Mul", absent, self._number(_MASKED)), self._integers(1, 2))

    def _linear(self, name: str, rows: str) -> str:
        return self._op("Gemm", rows, self._weight(f"{name}.weight"), self._weight(f"{name}.bias"), transB=1)

    def _normalised(self, name: str, rows: str) -> str:
        scale, bias = self._weight(f"{name}.weight"), self._weight(f"{name}.bias")
        return self._op("LayerNormalization", rows, scale, bias, axis=-1, epsilon=self.sizes.layer_norm_eps)

    def _size(self, of: str, dimension: int) -> str:
        return self._op("Slice", self._op("Shape", of), self._integers(dimension), self._integers(dimension + 1))

    def _op(self, operator: str, *inputs: str, **attributes: Attribute) -> str:
        output = f"t{len(self.nodes)}"
        self.nodes.append(protobuf.node(operator, inputs, output, **attributes))
        return output

    def _integers(self, *values: int) -> str:
        self.constants.append(protobuf.integers(name := f"c{len(self.constants)}", values))
        return name

    def _number(self, value: float) -> str:
        self.constants.append(protobuf.number(name := f"c{len(self.constants)}", value))
        return name

    def _weight(self, name: str) -> str:
        """A tensor of the file, as float32."""
        tensor = self.tensors.get(name := self.prefix + name)
        if tensor is None or not tensor.data_type:
            what = "has no" if tensor is None else "keeps in a type that is not known here its"
            raise ConfigError(f"`model.safetensors` {what} tensor `{name}`: give the folder a `model.onnx` instead")
        self.constants.append(protobuf.stored(name, tensor))
        return name if tensor.data_type == FLOAT else self._op("Cast", name, to=FLOAT)
