"""What PyTorch does beside the contract of `local_model/test_local_models.py`: exact tokens, its own folders."""

from __future__ import annotations

from threading import Event

import pytest
from alphabet_folder import write_folder
from alphabet_models import chat, completion, new_model, texts

from stack.errors import ConfigError, Unsupported

pytestmark = pytest.mark.natives


@pytest.fixture(autouse=True)
def installed(alphabet_of) -> None:
    alphabet_of("transformers")


async def test_the_tokens_of_a_conversation_are_those_of_its_template(local_model):
    alphabet = await local_model("transformers")
    answer = (await alphabet.openai_chat_completion(chat())).value
    assert answer.usage.prompt_tokens == len("hi :")


async def test_nothing_is_generated_behind_the_text_that_ends_an_answer(local_model):
    alphabet, steps = await local_model("transformers"), []

    def slow_step(*_: object) -> None:
        steps.append(Event().wait(0.02))

    alphabet._generator._loaded.model.register_forward_hook(slow_step)
    assert (await alphabet.openai_chat_completion(chat(stop="c"))).value.choices[0].message.content == "ab"
    assert len(steps) < 26


async def test_nothing_but_the_tokens_of_a_text_is_in_its_vector(local_model):
    embedder = await local_model("transformers", task="embed")
    answer = (await embedder.openai_embeddings(texts("ab", "yz"))).value
    one, other = (item.embedding for item in answer.data)
    assert sum(a * b for a, b in zip(one, other, strict=True)) == pytest.approx(0, abs=1e-3)
    assert answer.usage.prompt_tokens == 4


async def test_a_model_without_a_template_goes_on_with_texts_alone(tmp_path):
    provider = new_model("transformers", write_folder(tmp_path / "plain", template=None), model_id="alphabet")
    await provider.initialize()
    with pytest.raises(Unsupported, match="has no template for conversations"):
        await provider.openai_chat_completion(chat())
    assert (await provider.openai_completion(completion("x", max_tokens=2))).value.choices[0].text == "yz"
    await provider.shutdown()


async def test_a_folder_without_a_model_is_told(tmp_path):
    with pytest.raises(ConfigError, match="cannot be loaded"):
        await new_model("transformers", tmp_path).initialize()
