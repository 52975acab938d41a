"""Any folder with a model of the BERT family is served as its files say, or refused with what is wrong in it."""

from __future__ import annotations

import numpy as np
import pytest

from stack.errors import ConfigError
from stack.providers.inline.onnx_embeddings.folder import read_folder
from stack.providers.inline.onnx_embeddings.graph import bert
from stack.providers.inline.onnx_embeddings.weights import read_tensors

IDS = [2, 9, 5, 10, 8, 11, 3]  # [CLS] the cat ##s sat . [SEP]
TEXT = "The cats sat."


@pytest.mark.parametrize("act", ["gelu", "gelu_new", "relu"])
async def test_a_graph_computes_what_the_paper_says(tiny, vectors, act):
    tiny.config["hidden_act"] = act
    tiny.save()
    np.testing.assert_allclose(
        await vectors([TEXT, "a"]), [tiny.vector(IDS, act=act), tiny.vector([2, 4, 3], act=act)], atol=1e-6
    )


async def test_roberta_counts_positions_from_behind_padding(tiny, vectors):
    tiny.config |= {"model_type": "roberta", "pad_token_id": 1}
    tiny.weights = {f"roberta.{name}": tensor for name, tensor in tiny.weights.items()}
    tiny.save()
    np.testing.assert_allclose(await vectors(TEXT), [tiny.vector(IDS, prefix="roberta.", first=2)], atol=1e-6)


async def test_half_precision_is_computed_in_single(tiny, vectors):
    tiny.weights = {name: tensor.astype(np.float16) for name, tensor in tiny.weights.items()}
    tiny.save()
    np.testing.assert_allclose(await vectors(TEXT), [tiny.vector(IDS)], atol=1e-6)


async def test_brain_floats_are_computed_in_single(tiny, vectors):
    halves = {name: (tensor.view(np.uint32) >> 16).astype(np.uint16) for name, tensor in tiny.weights.items()}
    tiny.weights = {name: (half.astype(np.uint32) << 16).view(np.float32) for name, half in halves.items()}
    tiny.save_weights(halves)
    np.testing.assert_allclose(await vectors(TEXT), [tiny.vector(IDS)], atol=1e-6)


async def test_weights_behind_a_link_are_found(tiny, vectors):
    (tiny.path / "model.safetensors").rename(tiny.path.parent / "blob")
    (tiny.path / "model.safetensors").symlink_to(tiny.path.parent / "blob")
    np.testing.assert_allclose(await vectors(TEXT), [tiny.vector(IDS)], atol=1e-6)


async def test_an_exported_model_is_run_as_it_is(tiny, vectors):
    weights = tiny.path / "model.safetensors"
    (tiny.path / "model.onnx").write_bytes(bert(read_folder(tiny.path).architecture, read_tensors(weights)))
    tiny.config = {"max_position_embeddings": 14}
    tiny.save()
    np.testing.assert_allclose(await vectors(TEXT), [tiny.vector(IDS)], atol=1e-6)


@pytest.mark.parametrize("said", [{"pooling_mode_cls_token": True}, {"pooling_mode": "cls"}])
async def test_the_folder_says_how_tokens_are_pooled(tiny, vectors, said):
    tiny.save(**{"1_Pooling__config": said})
    by_cls = await vectors(TEXT)
    assert by_cls == await vectors(TEXT, {"pooling": "cls"})
    np.testing.assert_allclose(await vectors(TEXT, {"pooling": "mean"}), [tiny.vector(IDS)], atol=1e-6)
    assert by_cls != await vectors(TEXT, {"pooling": "mean"})


async def test_vectors_keep_their_length_if_asked(vectors):
    (kept,), (unit,) = await vectors(TEXT, {"normalize": False}), await vectors(TEXT)
    np.testing.assert_allclose(np.array(kept) / np.linalg.norm(kept), unit, atol=1e-6)
    assert np.linalg.norm(kept) > 1.5


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, 14),
        ({"sentence_bert_config": {"max_seq_length": 9}}, 9),
        ({"tokenizer_config": {"model_max_length": 10**30}}, 14),
    ],
)
async def test_the_shortest_limit_that_a_folder_names_holds(tiny, embedder, files, limit):
    tiny.save(**files)
    [model] = await (await embedder(model_dir=tiny.path)).list_models()
    assert (model.model_id, model.metadata["context_length"]) == ("tiny", limit)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "mpnet"}, "`model_type`.*give the folder a `model.onnx`"),
        ({"hidden_act": "silu"}, "`hidden_act`"),
        ({"num_hidden_layers": 3}, r"no tensor `encoder\.layer\.2\.attention\.self\.query\.weight`"),
        ({"num_attention_heads": 3}, "`.*model.safetensors` cannot be run"),
    ],
)
async def test_an_unknown_architecture_is_refused(tiny, embedder, change, message):
    tiny.config |= change
    tiny.save()
    with pytest.raises(ConfigError, match=message):
        await embedder(model_dir=tiny.path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", None, r"`.*config.json` is missing: name a model's folder with `model_dir`"),
        ("config.json", b"{", r"`.*config.json` cannot be read"),
        ("model.safetensors", None, r"needs `model.safetensors` or `model.onnx`"),
        ("model.safetensors", b"\0" * 20, "is no safetensors file that can be read"),
        ("model.onnx", b"not a model", r"`.*model.onnx` cannot be run"),
        ("vocab.txt", None, "needs `tokenizer.json` or `vocab.txt`"),
        ("tokenizer.json", b"{}", r"`.*tokenizer.json` is no tokenizer"),
        ("modules.json", b'[{"type": "models.Dense"}]', "the step `Dense`"),
    ],
)
async def test_a_file_that_is_missing_or_wrong_is_named(tiny, embedder, name, content, message):
    (tiny.path / name).unlink() if content is None else (tiny.path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        await embedder(model_dir=tiny.path)


async def test_weights_that_were_cut_off_are_refused(tiny, embedder):
    weights = tiny.path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ConfigError, match="a tensor lies beyond the end"):
        await embedder(model_dir=tiny.path)


async def test_more_tokens_than_the_model_has_positions_are_refused(tiny, embedder):
    with pytest.raises(ConfigError, match=r"`max_tokens` is 15, and `.*tiny` is a model for 14"):
        await embedder(model_dir=tiny.path, max_tokens=15)
