"""Models in this process that say the alphabet, one for each engine; and requests to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from alphabet_folder import write_folder
from alphabet_gguf import CONTEXT, write_gguf

from stack.apis.chat import ChatCompletionRequest
from stack.apis.completions import CompletionRequest
from stack.apis.embeddings import EmbeddingsRequest
from stack.testing.deps import provider_deps


def write_model(engine: str, folder: Path) -> Path:
    """What the engine reads; a file, or a folder."""
    return write_gguf(folder / "alphabet.gguf") if engine == "llama-cpp" else write_folder(folder / "alphabet")


def new_model(engine: str, path: Path, **config: Any) -> Any:
    """A provider of the model at a path, not started yet."""
    if engine == "llama-cpp":
        from stack.providers.inline.inference import llama_cpp

        given = llama_cpp.Config(model_path=path, context_tokens=CONTEXT, threads=1, **config)
        return llama_cpp.LlamaCpp(given, provider_deps(engine))
    from stack.providers.inline.inference import transformers

    return transformers.Transformers(transformers.Config(model=str(path), **config), provider_deps(engine))


def chat(**fields: Any) -> ChatCompletionRequest:
    messages = [{"role": "user", "content": "hi"}]
    given = {"model": "alphabet", "messages": messages, "temperature": 0.0, **fields}
    return ChatCompletionRequest.from_body(json.dumps(given).encode())


def completion(prompt: str, **fields: Any) -> CompletionRequest:
    given = {"model": "alphabet", "prompt": prompt, "temperature": 0.0, **fields}
    return CompletionRequest.from_body(json.dumps(given).encode())


def texts(*texts: str) -> EmbeddingsRequest:
    return EmbeddingsRequest(model="alphabet", input=list(texts))
