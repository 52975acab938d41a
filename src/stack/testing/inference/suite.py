"""All checks of inference, in order."""

from __future__ import annotations

from stack.testing.inference.chatting import CHAT
from stack.testing.inference.checks import Check
from stack.testing.inference.failing import FAILURES
from stack.testing.inference.formats import FORMATS
from stack.testing.inference.relaying import MODELS, RELAY
from stack.testing.inference.texts import COMPLETIONS, EMBEDDINGS, RERANK
from stack.testing.inference.tools import TOOLS

GROUPS = (CHAT, TOOLS, FORMATS, COMPLETIONS, EMBEDDINGS, RERANK, MODELS, RELAY, FAILURES)
SUITE: tuple[Check, ...] = tuple(check for group in GROUPS for check in group.checks)
