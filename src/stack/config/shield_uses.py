"""What must hold between the shields of a run.yaml and the models that use them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from stack.config.source import Source, Word
from stack.config.typed import unset
from stack.config.yaml import Section, Series
from stack.errors import nearest, quoted


class ShieldUses:
    """Whether models use shields that there are, and only where there is something to check."""

    def __init__(self, source: Source, known: Collection[str], off: Mapping[str, tuple[str, ...]]) -> None:
        self._source = source
        self._known = known
        self._off = off

    def check(self, model: Section, path: str) -> None:
        """Report what is wrong with the `shields` of a model."""
        shields = model.get("shields")
        kind = self._source.word(model.get("model_type"))
        for stage in ("input", "output") if isinstance(shields, Section) else ():
            series = shields.get(stage) if isinstance(shields, Section) else None
            said: set[str] = set()
            for index, node in enumerate(series.items if isinstance(series, Series) else ()):
                named = node.get("shield_id") if isinstance(node, Section) else node
                if (word := self._source.word(named)) and word.text:
                    self._check(word, f"{path}.shields.{stage}[{index}]", said)
            if stage == "output" and said and kind and kind.text in ("embedding", "rerank"):
                told = f"the answer of a model of type `{kind.text}` holds no text to check: remove it"
                self._source.report.add(series.at if series else model.at, f"{path}.shields.output", told)

    def _check(self, word: Word, path: str, said: set[str]) -> None:
        problem = ""
        if word.text in said:
            problem = f"`{word.said}` stands here twice: remove one of them"
        elif names := self._off.get(word.text):
            problem = f"shield `{word.said}` is switched off because {unset(names)}, or remove it here"
        elif word.text not in self._known:
            near = nearest(word.text, list(self._known)) or list(self._known)
            fix = f"did you mean {quoted(near)}?" if near else "add it under `shields`"
            problem = f"no shield `{word.said}`: {fix}"
        said.add(word.text)
        if problem:
            self._source.report.add(word.at, path, problem)
