"""Mail addresses, also where `@` and dots are spelled out against robots."""

from __future__ import annotations

import re

_SPELLED_AT = re.compile(r" ?[(\[]at[)\]] ?")
_SPELLED_DOT = re.compile(r" ?[(\[]dot[)\]] ?")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+([A-Za-z]{2,24}|xn--[A-Za-z0-9-]{1,59})")
_FILES = frozenset(
    [
        "css",
        "gif",
        "html",
        "jpeg",
        "jpg",
        "js",
        "json",
        "jsx",
        "pdf",
        "png",
        "svg",
        "ts",
        "tsx",
        "txt",
        "webp",
        "woff",
        "xml",
        "yaml",
        "yml",
    ]
)


def mail(written: str) -> int:
    """How much of what is written is an address: names of files such as `icon@2x.png` are none."""
    end = len(written)
    while end and not written[end - 1].isalnum() and written[end - 1] not in ")]":
        end -= 1
    at = _SPELLED_AT.search(written[:end])
    local, domain = (written[: at.start()], written[at.end() : end]) if at else written[:end].split("@", 1)
    if not at and " " in written[:end].split("@")[0][-1:] + domain[:1]:
        return 0
    found = _DOMAIN.fullmatch(_SPELLED_DOT.sub(".", domain))
    # `git@` begins addresses of repositories.
    wrong = local.startswith(".") or local.endswith(".") or ".." in local or local == "git"
    return 0 if found is None or wrong or found[1].lower() in _FILES else end
