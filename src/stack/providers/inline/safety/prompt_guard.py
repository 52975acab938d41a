"""Prompt injection, jailbreaks and attempts to get at the system prompt.

Rules find what attacks say, in twelve languages and in disguise: look-alike letters, digits for letters, odd spacing,
base64, hexadecimal, rot13, characters that no font shows. With `embedding_model` each sentence is also compared by
meaning with known attacks; with `model_dir` Prompt Guard's own weights judge too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from stack.apis.safety import CheckedMessage, Finding, ShieldReport
from stack.apis.shields import Shield, ShieldTraits
from stack.providers.inline.prompt_guard.detector import RuleDetector
from stack.providers.inline.prompt_guard.similarity import Similarity
from stack.providers.inline.prompt_guard.weights import Classifier
from stack.providers.inline.text_shield.provider import TextShield
from stack.providers.inline.text_shield.scanning import bounded
from stack.registry.spec import Deps, ProviderConfig, env

Category = Literal["injection", "jailbreak", "extraction"]
_CHARS_PER_TOKEN = 6
_MODEL_STRIDE = 200  # characters of a stream between two calls of a model


class Config(ProviderConfig):
    categories: list[Category] = Field(
        ["injection", "jailbreak", "extraction"], min_length=1, description="Kinds of attack to look for."
    )
    threshold: float = Field(0.6, ge=0, le=1, description="Least score of a rule.")
    embedding_model: str | None = env(
        "PROMPT_GUARD_EMBEDDING_MODEL", None, "Model that compares sentences by meaning; left out: rules alone."
    )
    similarity_threshold: float = Field(
        0.55, gt=0, le=1, description="Least cosine to a known attack; it depends on the embedding model."
    )
    max_sentences: int = Field(1_024, ge=1, description="Most sentences of a text that are compared; more are refused.")
    model_dir: Path | None = env(
        "PROMPT_GUARD_MODEL_DIR",
        None,
        "Folder of Prompt Guard: `config.json`, `tokenizer.json`, and `model.onnx` or weights.",
    )
    model_threshold: float = Field(0.9, gt=0, le=1, description="Least probability of an attack by those weights.")
    max_tokens: int = Field(512, ge=8, le=8_192, description="Tokens that those weights judge at a time.")


class GuardDetector(RuleDetector):
    """The rules, with the settings of what else judges."""

    def __init__(self, config: Config) -> None:
        super().__init__(frozenset(config.categories), config.threshold)
        self.config = config
        window = self.traits.window_chars
        if config.model_dir is not None:
            window = max(window, config.max_tokens * _CHARS_PER_TOKEN)
        asks = config.model_dir is not None or config.embedding_model is not None
        self.traits = ShieldTraits(window, _MODEL_STRIDE if asks else 1)


class PromptGuard(TextShield[GuardDetector]):
    config: Config
    user_message = "This tries to change how the assistant works."

    def __init__(self, config: Config, deps: Deps) -> None:
        super().__init__(config, deps)
        self._similar: dict[tuple[str, float, int], Similarity] = {}
        self._classifiers: dict[tuple[Path, int], Classifier] = {}

    async def initialize(self) -> None:
        """Raises: ConfigError for weights that cannot be loaded."""
        await super().initialize()
        if self.config.model_dir is not None:
            await asyncio.to_thread(self._classifier, self.config)

    def made_of(self, config: Any) -> GuardDetector:
        return GuardDetector(config)

    async def run_shield(self, shield: Shield, messages: Sequence[CheckedMessage]) -> ShieldReport:
        report = await super().run_shield(shield, messages)
        detector = self.detector(shield)
        more: list[Finding] = []
        for index, message in enumerate(messages):
            found = [*await self._by_meaning(detector.config, message.text)]
            if detector.config.model_dir is not None and message.text:
                found += await asyncio.to_thread(self._by_weights, detector.config, message.text)
            known = [each for each in report.findings if each.message == index]
            pieces = bounded((each for each in found if not _covered(each, known)), detector.traits.window_chars)
            more += [replace(each, message=index) for each in pieces]
        findings = (*report.findings, *more)
        return ShieldReport(findings, user_message=self.user_message if findings else "")

    async def _by_meaning(self, config: Config, text: str) -> list[Finding]:
        if config.embedding_model is None or not text:
            return []
        key = config.embedding_model, config.similarity_threshold, config.max_sentences
        if key not in self._similar:
            self._similar[key] = Similarity(self.deps.inference, *key)
        return await self._similar[key].findings(text, config.categories)

    def _by_weights(self, config: Config, text: str) -> list[Finding]:
        found = self._classifier(config).findings(text, config.model_threshold)
        return [each for each in found if each.category.partition("/")[2] in config.categories]

    def _classifier(self, config: Config) -> Classifier:
        """The weights of a folder, loaded once. Raises: ConfigError."""
        assert config.model_dir is not None
        key = config.model_dir, config.max_tokens
        if key not in self._classifiers:
            self._classifiers[key] = Classifier(*key)
        return self._classifiers[key]


def _covered(found: Finding, known: Sequence[Finding]) -> bool:
    """Whether all that is found was found before, by a rule."""
    start, end = found.start or 0, found.end or 0
    return any(each.start is None or (each.start <= end and start <= (each.end or 0)) for each in known)
