"""Insecure code in a text, whatever language its fences name."""

from __future__ import annotations

from collections.abc import Iterator

from stack.apis.safety import Finding
from stack.apis.shields import ShieldTraits
from stack.providers.inline.code_scanner.blocks import PYTHON, Block, blocks
from stack.providers.inline.code_scanner.line_rules import LINE_RULES
from stack.providers.inline.code_scanner.python_code import python_weaknesses
from stack.providers.inline.code_scanner.weaknesses import CWE, Weakness
from stack.providers.inline.text_shield.patterns import PatternSet, Span, spans
from stack.providers.inline.text_shield.scanning import Budget, bounded

_STRIDE_CHARS = 100  # a view of a stream is parsed anew each time
# Text without any of these is not parsed.
_TRIGGERS = (
    r"(?i)\beval|\bexec|system|popen|subprocess|getoutput|_shell|load|pickle|shelve|Unpickler|decode|verify|ssl|policy"
    r"|fetch|\braw\(|query|extractall|open\(|send_file|requests|urlopen|template|autoescape|mark|mktemp|chmod|Parser"
    r"|Cipher|\.new\(|debug|hashlib|random|pass|pwd|secret|token|credential|api_?key|\botp|session|CERT_NONE|check_hostname"
)
_PIECE = 20_000


class CodeDetector:
    """Weaknesses to look for. max_statement_chars: what a stream waits for."""

    def __init__(self, names: frozenset[str], max_statement_chars: int) -> None:
        self._names = names
        self._rules = [rule for rule in LINE_RULES if rule.name in names]
        self._patterns = PatternSet([rule.pattern for rule in self._rules], "utf-8")
        self._triggers = PatternSet([_TRIGGERS], "utf-8")
        self.traits = ShieldTraits(max_statement_chars, _STRIDE_CHARS)

    def findings(self, text: str) -> Iterator[Finding]:
        return bounded(self._found(text, Budget()), self.traits.window_chars)

    def _found(self, text: str, budget: Budget) -> Iterator[Finding]:
        for block in (piece for each in blocks(text) for piece in _pieces(each)):
            weak = sorted(self._weaknesses(block, budget), key=lambda each: (each.start, -each.end))
            last = -1
            for each in weak:
                if each.name in self._names and each.start >= last:
                    last = each.end
                    place = each.start + block.start, each.end + block.start
                    yield Finding(f"insecure_code/{each.name}", 0.9, 0, *place, provider_code=f"CWE-{CWE[each.name]}")

    def _weaknesses(self, block: Block, budget: Budget) -> Iterator[Weakness]:
        encoded = block.text.encode(errors="replace")
        if (block.language in PYTHON or not block.language) and self._triggers.occurring(encoded):
            yield from python_weaknesses(block.text)
        if block.language is not None and block.language not in PYTHON:
            yield from self._by_lines(block, encoded, budget)

    def _by_lines(self, block: Block, encoded: bytes, budget: Budget) -> Iterator[Weakness]:
        def accept(span: Span) -> Span:
            budget.spend()
            return span

        for index, pattern in self._patterns.occurring(encoded):
            rule = self._rules[index]
            if block.language and block.language not in rule.languages:
                continue
            for start, end in spans(pattern, encoded, accept):
                yield Weakness(rule.name, len(encoded[:start].decode()), len(encoded[:end].decode()))


def _pieces(block: Block) -> Iterator[Block]:
    """A long block in pieces that end with a line, so that no step holds the interpreter for long."""
    at = 0
    while at < len(block.text):
        end = len(block.text)
        if end - at > _PIECE:
            newline = block.text.rfind("\n", at, at + _PIECE)
            end = newline + 1 if newline > at else at + _PIECE
        yield Block(block.language, block.text[at:end], block.start + at)
        at = end
