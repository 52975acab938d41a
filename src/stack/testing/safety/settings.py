"""What a provider under test tells of itself."""

from __future__ import annotations

import pytest

from stack.apis.safety import CheckedMessage, Safety, Shield, ShieldReport


class Settings:
    """Class attributes that a test class may set, and the fixture `provider` that it must give.

    shield: what is run. violating: a text that it objects to, by one finding that any text may stand around; harmless:
    one that it does not. has_spans: whether findings tell which characters. refuses_unknown_params: whether it knows
    all of its `params`. huge_chars: a text of so many characters is judged, or refused as too long.
    """

    shield = Shield("mine")
    violating: str
    harmless: str = "The weather is fine, and the train was on time."
    has_spans: bool = True
    refuses_unknown_params: bool = True
    huge_chars: int = 1_000_000

    @pytest.fixture
    def provider(self) -> Safety:
        """The provider under test, initialised."""
        raise NotImplementedError("the test class gives the fixture `provider`")

    async def judged(self, provider: Safety, *texts: str, role: str = "user") -> ShieldReport:
        """What the shield says of texts, each a message of its own."""
        return await provider.run_shield(self.shield, [CheckedMessage(role, text) for text in texts])


def masked(text: str, report: ShieldReport) -> str:
    """The text with everything that was found in it replaced, last first so that places stay right."""
    for found in sorted(report.findings, key=lambda found: -(found.start or 0)):
        if found.start is not None and found.end is not None:
            text = text[: found.start] + found.mask + text[found.end :]
    return text
