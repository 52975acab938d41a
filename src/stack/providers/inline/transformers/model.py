"""The models themselves. Used in one thread at a time; imported by nobody but whoever starts the provider."""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue
from threading import Thread
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer, StoppingCriteria
from transformers.generation.streamers import BaseStreamer

from stack.errors import ConfigError, InvalidRequest, Unsupported
from stack.providers.inline.local_model.answers import Piece, Usage
from stack.providers.inline.local_model.stopping import UntilStop
from stack.providers.inline.local_model.worker import Stopped
from stack.providers.inline.transformers.asking import Asked

UNFINISHED = "\ufffd"  # what a decoder shows for the first bytes of a character


class _Tokens(BaseStreamer):  # type: ignore[misc]  # transformers is not there for the type checker
    """Tokens as they are made, behind those of the prompt; None at the end, an error where there was one."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[list[int] | BaseException | None] = SimpleQueue()
        self._prompt_passed = False

    def put(self, value: Any) -> None:
        if self._prompt_passed:
            self.queue.put(value.reshape(-1).tolist())
        self._prompt_passed = True

    def end(self) -> None:
        self.queue.put(None)


class _Asked(StoppingCriteria):  # type: ignore[misc]
    """Ends the generation between two tokens once nobody waits any more."""

    def __init__(self, *stopped: Stopped) -> None:
        self._stopped = stopped

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        is_over = any(stopped.is_set() for stopped in self._stopped)
        return torch.full((input_ids.shape[0],), is_over, dtype=torch.bool, device=input_ids.device)


class _Loaded:
    """Raises: ConfigError naming what cannot be loaded."""

    def __init__(self, kind: Any, name: str, *, device: str, revision: str | None, dtype: str) -> None:
        # No code of a repository is run, and no pickle is read.
        safe = {"revision": revision, "trust_remote_code": False}
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(name, **safe)
            self.config = AutoConfig.from_pretrained(name, **safe)
            loaded = kind.from_pretrained(name, use_safetensors=True, dtype=dtype, **safe)
            self.model = loaded.to(device).eval()
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            reason = " ".join(str(error).split())[:500]
            raise ConfigError(f"`{name}` cannot be loaded: {reason}") from error
        self.device = device

    @property
    def context(self) -> int:
        """The most tokens that it was made for."""
        text = self.config.get_text_config()
        return int(getattr(text, "max_position_embeddings", 0) or getattr(text, "n_positions", 0) or 2048)


class Generator:
    """Goes on with texts and conversations."""

    def __init__(self, name: str, **options: Any) -> None:
        self._loaded = _Loaded(AutoModelForCausalLM, name, **options)

    def facts(self) -> dict[str, int]:
        """What `/v1/models` tells."""
        return {"context_length": self._loaded.context}

    def whole(self, asked: Asked, usage: Usage, stopped: Stopped) -> tuple[str, str]:
        """The text of the answer, and why it ended. Raises: InvalidRequest, Unsupported."""
        pieces = list(self.pieces(asked, usage, stopped))
        return "".join(str(piece.delta) for piece in pieces), pieces[-1].finish or "stop"

    def pieces(self, asked: Asked, usage: Usage, stopped: Stopped) -> Iterator[Piece]:
        """Texts as they are made; the last one, which is empty, says why. Raises: InvalidRequest, Unsupported."""
        ids = self._prompt(asked)
        usage.prompt = len(ids)
        limit = self._limit(asked, len(ids))
        yield Piece("")
        until, shown, made = UntilStop(asked.stops), "", list[int]()
        done = Stopped()
        try:
            for token in self._tokens(ids, limit, asked, stopped, done):
                made.append(token)
                usage.completion = len(made)
                text = self._loaded.tokenizer.decode(made, skip_special_tokens=True)
                if text.endswith(UNFINISHED):
                    continue
                if piece := until.feed(text.removeprefix(shown)):
                    yield Piece(piece)
                shown = text
                if until.found:
                    done.set()  # before the loop is left, which waits for the thread that generates
                    break
        finally:
            done.set()
        if piece := until.rest():
            yield Piece(piece)
        yield Piece("", "length" if len(made) >= limit and not until.found and not self._is_end(made) else "stop")

    def _tokens(self, ids: list[int], limit: int, asked: Asked, *stopped: Stopped) -> Iterator[int]:
        """`generate()` runs in a thread of its own, since it gives tokens out only while it runs."""
        streamer = _Tokens()
        inputs = torch.tensor([ids], device=self._loaded.device)

        def generate() -> None:
            try:
                with torch.inference_mode():
                    if asked.seed is not None:
                        torch.manual_seed(asked.seed)
                    self._loaded.model.generate(
                        inputs,
                        attention_mask=torch.ones_like(inputs),
                        max_new_tokens=limit,
                        streamer=streamer,
                        stopping_criteria=[_Asked(*stopped)],
                        pad_token_id=self._loaded.tokenizer.pad_token_id or 0,
                        **asked.options,
                    )
            except Exception as error:
                streamer.queue.put(error)

        thread = Thread(target=generate, name="transformers-generate", daemon=True)
        thread.start()
        try:
            while (tokens := streamer.queue.get()) is not None:
                if isinstance(tokens, BaseException):
                    raise tokens
                yield from tokens
        finally:
            thread.join()

    def _prompt(self, asked: Asked) -> list[int]:
        is_text = asked.messages is None
        text = asked.text if is_text else self._templated(asked)
        ids: list[int] = self._loaded.tokenizer(text, add_special_tokens=is_text)["input_ids"]
        return ids

    def _templated(self, asked: Asked) -> str:
        tokenizer = self._loaded.tokenizer
        if not tokenizer.chat_template:
            raise Unsupported("this model has no template for conversations: ask `/v1/completions`", param="messages")
        try:
            text: str = tokenizer.apply_chat_template(asked.messages, tokenize=False, add_generation_prompt=True)
        except Exception as error:  # templates raise what they like, to refuse an order of roles for instance
            raise InvalidRequest(f"the model's template refuses the conversation: {error}", param="messages") from error
        return text

    def _limit(self, asked: Asked, prompt: int) -> int:
        """How many tokens the answer may have. Raises: InvalidRequest, if the prompt fills the context."""
        room = self._loaded.context - prompt
        if not prompt:
            raise InvalidRequest("the prompt has no tokens: write something", param="prompt")
        if room < 1:
            message = f"the request has {prompt} tokens, and the model reads {self._loaded.context}: shorten it"
            param = "prompt" if asked.messages is None else "messages"
            raise InvalidRequest(message, param=param, code="context_length_exceeded")
        return min(asked.limit or room, room)

    def _is_end(self, made: list[int]) -> bool:
        ends = self._loaded.model.generation_config.eos_token_id
        return bool(made) and made[-1] in (ends if isinstance(ends, list) else [ends])


class Embedder:
    """Vectors of texts: the mean of their tokens' vectors, of length 1."""

    def __init__(self, name: str, **options: Any) -> None:
        self._loaded = _Loaded(AutoModel, name, **options)

    def facts(self) -> dict[str, int]:
        """What `/v1/models` tells."""
        config = self._loaded.config.get_text_config()
        return {"embedding_dimension": int(config.hidden_size), "context_length": self._loaded.context}

    def embed(self, texts: list[str], stopped: Stopped) -> tuple[list[list[float]], int]:
        """Vectors and how many tokens were read; nothing more once nobody waits. Raises: InvalidRequest."""
        vectors: list[list[float]] = []
        count = 0
        with torch.inference_mode():
            for index, text in enumerate(texts):
                if stopped.is_set():
                    break
                ids = self._loaded.tokenizer(text)["input_ids"]
                self._check(index, ids)
                count += len(ids)
                hidden = self._loaded.model(torch.tensor([ids], device=self._loaded.device)).last_hidden_state
                vector = torch.nn.functional.normalize(hidden.float().mean(dim=1), dim=1)
                vectors.append(vector[0].tolist())
        return vectors, count

    def _check(self, index: int, ids: list[int]) -> None:
        if not ids:
            raise InvalidRequest(f"`input[{index}]` has no tokens: leave empty texts out", param="input")
        if len(ids) > self._loaded.context:
            message = f"`input[{index}]` has {len(ids)} tokens, and the model reads {self._loaded.context}: split it"
            raise InvalidRequest(message, param="input", code="context_length_exceeded")
