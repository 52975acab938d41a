"""The model itself. Loaded and used in one thread at a time; imported by nobody but whoever starts the provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llama_cpp import Llama, LlamaGrammar, StoppingCriteriaList

from stack.errors import ConfigError, InvalidRequest
from stack.providers.inline.local_model.answers import Piece, Usage
from stack.providers.inline.local_model.worker import Stopped

TEXTS_AT_ONCE = 32  # that are embedded before it is looked whether anybody waits
POOLING_MEAN = 1  # of embeddings, for models whose file names none


class _Watched(Llama):  # type: ignore[misc]  # llama-cpp-python is not there for the type checker
    """Counts tokens, and stops between two of them when nobody waits any more."""

    stopped: Stopped | None = None
    usage: Usage | None = None

    def create_completion(self, prompt: Any, *args: Any, **options: Any) -> Any:
        usage, stopped = self.usage or Usage(), self.stopped or Stopped()

        def watch(ids: Any, _logits: Any) -> bool:
            usage.prompt = usage.prompt or len(ids)
            usage.completion = len(ids) - usage.prompt + 1
            return stopped.is_set()

        options["stopping_criteria"] = StoppingCriteriaList([*(options.get("stopping_criteria") or ()), watch])
        return super().create_completion(prompt, *args, **options)


class GGUF:
    """Raises: ConfigError, if the file is not there or llama.cpp cannot read it."""

    def __init__(self, path: Path, *, embeds: bool, n_ctx: int, **options: Any) -> None:
        path = path.expanduser()
        if not path.is_file():
            raise ConfigError(f"`model_path` is `{path}`, where no file is: name a GGUF file")
        try:
            self._llama = _Watched(
                str(path), embedding=embeds, verbose=False, **_pooled(path, embeds, n_ctx), n_ctx=n_ctx, **options
            )
        except (ValueError, RuntimeError, AssertionError) as error:
            raise ConfigError(f"llama.cpp cannot load `{path}`: {error}") from error

    def facts(self) -> dict[str, int]:
        """What `/v1/models` tells."""
        return {"context_length": self._llama.n_ctx(), "embedding_dimension": self._llama.n_embd()}

    def close(self) -> None:
        """Give the memory back."""
        self._llama.close()

    def chat(self, asked: dict[str, Any], usage: Usage, stopped: Stopped) -> dict[str, Any]:
        """`message` and `finish_reason`. Raises: InvalidRequest."""
        with self._asked("messages", asked, usage, stopped):
            choice: dict[str, Any] = self._llama.create_chat_completion(**asked)["choices"][0]
        return {"message": _told(choice["message"]), "finish_reason": choice["finish_reason"]}

    def chat_pieces(self, asked: dict[str, Any], usage: Usage, stopped: Stopped) -> Iterator[Piece]:
        """Deltas. Raises: InvalidRequest, before the first."""
        calls = set[int]()
        with self._asked("messages", asked, usage, stopped):
            for chunk in self._llama.create_chat_completion(**asked, stream=True):
                choice = chunk["choices"][0]
                yield Piece(_named_once(_told(choice["delta"]), calls), choice["finish_reason"])

    def text(self, asked: dict[str, Any], usage: Usage, stopped: Stopped) -> dict[str, Any]:
        """`text` and `finish_reason`. Raises: InvalidRequest."""
        with self._asked("prompt", asked, usage, stopped):
            choice = self._llama.create_completion(**self._begun(asked))["choices"][0]
        return {"text": _echo(asked) + choice["text"], "finish_reason": choice["finish_reason"]}

    def text_pieces(self, asked: dict[str, Any], usage: Usage, stopped: Stopped) -> Iterator[Piece]:
        """Texts. Raises: InvalidRequest, before the first."""
        echo = _echo(asked)
        with self._asked("prompt", asked, usage, stopped):
            for chunk in self._llama.create_completion(**self._begun(asked), stream=True):
                choice = chunk["choices"][0]
                yield Piece(echo + choice["text"], choice["finish_reason"])
                echo = ""

    def embed(self, texts: list[str], stopped: Stopped) -> tuple[list[list[float]], int]:
        """Vectors of length 1, and how many tokens were read; no more once nobody waits. Raises: InvalidRequest."""
        limit = self._llama.n_batch
        for index, text in enumerate(texts):
            if len(self._llama.tokenize(text.encode())) > limit:
                raise _too_long(f"`input[{index}]`", limit)
        vectors: list[list[float]] = []
        tokens = 0
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            if stopped.is_set():
                break
            part = texts[start : start + TEXTS_AT_ONCE]
            found, count = self._llama.embed(part, normalize=True, truncate=False, return_count=True)
            vectors += found
            tokens += count
        return vectors, tokens

    @contextmanager
    def _asked(self, param: str, asked: dict[str, Any], usage: Usage, stopped: Stopped) -> Iterator[None]:
        self._check_bias(asked)
        self._check_schema(asked)
        self._llama.usage, self._llama.stopped = usage, stopped
        try:
            yield
        except ValueError as error:
            if "exceed context window" in str(error):
                raise _too_long(f"`{param}`", self._llama.n_ctx()) from error
            raise InvalidRequest(f"llama.cpp refuses the request: {error}", param=param) from error

    def _begun(self, asked: dict[str, Any]) -> dict[str, Any]:
        """An empty prompt as its first token, which llama-cpp-python would count as one of the answer."""
        first = self._llama.token_bos()
        if not asked["prompt"] and first < 0:
            raise InvalidRequest("the prompt has no tokens: write something", param="prompt")
        return {**asked, "prompt": asked["prompt"] or [first], "echo": False}

    def _check_bias(self, asked: dict[str, Any]) -> None:
        beyond = [token for token in asked.get("logit_bias", ()) if token >= self._llama.n_vocab()]
        if beyond:
            message = f"`logit_bias` holds `{beyond[0]}`, and the model has {self._llama.n_vocab()} tokens"
            raise InvalidRequest(message, param="logit_bias")

    def _check_schema(self, asked: dict[str, Any]) -> None:
        """llama-cpp-python would take any JSON instead of a schema that it cannot read. Raises: InvalidRequest."""
        schema = (asked.get("response_format") or {}).get("schema")
        name = (asked.get("tool_choice") or {}).get("function", {}).get("name")
        for tool in asked.get("tools", ()):
            if tool["function"]["name"] == name:
                schema = tool["function"]["parameters"]
        if schema:
            try:
                LlamaGrammar.from_json_schema(json.dumps(schema), verbose=False)
            except Exception as error:
                raise InvalidRequest(f"llama.cpp cannot hold an answer to this schema: {error}") from error


def _too_long(what: str, limit: int) -> InvalidRequest:
    message = f"{what} is longer than the {limit} tokens of the context: shorten it, or raise `context_tokens`"
    return InvalidRequest(message, param=what.strip("`").partition("[")[0], code="context_length_exceeded")


def _echo(asked: dict[str, Any]) -> str:
    """What comes before the answer; llama-cpp-python leaves it out of streams."""
    return asked["prompt"] if asked["echo"] else ""


def _pooled(path: Path, embeds: bool, context: int) -> dict[str, Any]:
    """How token vectors become one: as the file says, else their mean."""
    if not embeds:
        return {}
    wide = {"n_batch": context, "n_ubatch": context} if context else {}  # a text is embedded in one batch
    facts = Llama(str(path), vocab_only=True, verbose=False)
    says = any(key.endswith(".pooling_type") for key in facts.metadata)
    facts.close()
    return wide if says else {**wide, "pooling_type": POOLING_MEAN}


def _told(message: dict[str, Any]) -> dict[str, Any]:
    """A message or delta without members that say nothing, and without the older form that repeats `tool_calls`."""
    kept = {key: value for key, value in message.items() if value is not None or key == "content"}
    kept.pop("function_call", None)
    return kept


def _named_once(delta: dict[str, Any], calls: set[int]) -> dict[str, Any]:
    """The id and name of a call in its first delta alone, since clients join what comes twice. calls: begun ones."""
    told = []
    for call in delta.get("tool_calls", ()):
        more = {"index": call["index"], "function": {"arguments": call["function"]["arguments"]}}
        told.append(more if call["index"] in calls else call)
        calls.add(call["index"])
    return {**delta, "tool_calls": told} if told else delta
