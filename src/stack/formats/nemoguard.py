"""What NVIDIA's content safety models are asked, and what their answer means.

Source: https://docs.nvidia.com/nim/llama-3-1-nemotron-safety-guard-8b/prompt-template.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pydantic_core
from pydantic import BaseModel, Field, ValidationError

from stack.apis.safety import CheckedMessage, Finding
from stack.formats.llama_guard import defused

# By the names of the taxonomy, and what OpenAI calls it; where it has no word, one of our own.
CATEGORIES: Mapping[str, str] = {
    "Violence": "violence",
    "Sexual": "sexual",
    "Criminal Planning/Confessions": "illicit",
    "Guns and Illegal Weapons": "illicit/violent",
    "Controlled/Regulated Substances": "illicit",
    "Suicide and Self Harm": "self-harm",
    "Sexual (minor)": "sexual/minors",
    "Hate/Identity Hate": "hate",
    "PII/Privacy": "nvidia/privacy",
    "Harassment": "harassment",
    "Threat": "harassment/threatening",
    "Profanity": "nvidia/profanity",
    "Needs Caution": "nvidia/needs-caution",
    "Other": "nvidia/other",
    "Manipulation": "nvidia/manipulation",
    "Fraud/Deception": "illicit",
    "Malware": "illicit",
    "High Risk Gov Decision Making": "nvidia/high-risk-gov-decision-making",
    "Political/Misinformation/Conspiracy": "nvidia/misinformation",
    "Copyright/Trademark/Plagiarism": "nvidia/copyright",
    "Unauthorized Advice": "nvidia/unauthorized-advice",
    "Illegal Activity": "illicit",
    "Immoral/Unethical": "nvidia/unethical",
}
_CODES = {f"S{number}": name for number, name in enumerate(CATEGORIES, 1)}
_PROMPT = """Task: Check if there is unsafe content in the user or agent messages in the below conversation in \
accordance with our safety policy with the below categories.

<BEGIN UNSAFE CONTENT CATEGORIES>
{categories}
<END UNSAFE CONTENT CATEGORIES>

<BEGIN CONVERSATION>

{conversation}

<END CONVERSATION>

Provide your safety assessment for the above conversation in the below output JSON format:
{{"User Safety": "safe" or "unsafe", "Response Safety": "safe" or "unsafe", omitted without an agent response, \
"Safety Categories": a comma-separated list of the violated categories, omitted if all is safe}}
Do not include anything other than the output JSON in your response.
Output JSON: """


class _Rating(BaseModel):
    user: Literal["safe", "unsafe"] = Field(alias="User Safety")
    response: Literal["safe", "unsafe"] | None = Field(None, alias="Response Safety")
    categories: str = Field("", alias="Safety Categories")


def exchange(messages: Sequence[CheckedMessage]) -> list[CheckedMessage]:
    """The last message, and before an answer what it answers."""
    *earlier, last = messages
    if last.role != "assistant":
        return [last]
    return [*[message for message in earlier if message.role == "user"][-1:], last]


def prompt(messages: Sequence[CheckedMessage]) -> str:
    """The question about an exchange."""
    names = "\n".join(f"{code}: {name}." for code, name in _CODES.items())
    said = (("response: agent: " if m.role == "assistant" else "user: ") + defused(m.text) for m in messages)
    return _PROMPT.format(categories=names, conversation="\n\n".join(said))


def categories(answer: str, role: str) -> tuple[str, ...] | None:
    """The names of what the last message, of a role, is objected to for; None if the answer is no rating of it."""
    try:
        rating = _Rating.model_validate(pydantic_core.from_json(answer))
    except (ValueError, ValidationError):
        return None
    judged = rating.response if role == "assistant" else rating.user
    if judged is None:
        return None
    names = (name.strip().rstrip(".") for name in rating.categories.split(","))
    return tuple(dict.fromkeys(name for name in names if name)) or ("Other",) if judged == "unsafe" else ()


def findings(names: Sequence[str], message: int) -> tuple[Finding, ...]:
    """An objection to all of a message for each name or code."""
    told = ((name, _CODES.get(name.partition(":")[0], name)) for name in names)
    return tuple(
        Finding(CATEGORIES.get(name) or f"nvidia/{slug(name)}", 1.0, message, provider_code=code) for code, name in told
    )


def blocking_rails(document: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The rails of NeMo Guardrails that stopped or changed a message; None if an answer does not tell.

    Source: https://docs.nvidia.com/nemo/microservices/latest/guardrails/checks.html
    """
    status, rails = document.get("status"), document.get("rails_status") or {}
    if status not in (*_PASSED, "blocked", "modified") or not isinstance(rails, dict):
        return None
    told = {str(name): each.get("status") if isinstance(each, dict) else each for name, each in rails.items()}
    stopped = tuple(name for name, each in told.items() if each not in _PASSED)
    return stopped if stopped or status in _PASSED else ("guardrails",)


_PASSED = ("success", "passed")


def slug(name: str) -> str:
    """A name as part of a category."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:100] or "other"
