"""`server` and `logging`: where it listens, whom it knows, what it says."""

from __future__ import annotations

from typing import Any

from stack.config.models import ServerConfig
from stack.config.report import Position
from stack.config.yaml import Section
from stack.upgrade import words
from stack.upgrade.writer import Source

LEVELS = {"critical": "error", "fatal": "error", "warn": "warning", "notset": "debug"}
LOCAL = ("127.0.0.1", "localhost", "::1")
POLICIES = ("access_policy", "route_policy")
_EVERYWHERE = "it listened on every interface, and listens on 127.0.0.1 here: set `server.host` and `server.auth`"

_KEYS = "where others reach it, `stack run` wants keys: put some of at least 20 characters into `server.auth.api_keys`"


def server(source: Source) -> dict[str, Any]:
    """The section; callers are never known by the same means, so `auth` is left to a person."""
    node = source.root.get("server")
    at = node.at if node else Position(1, 1)
    entries = source.section(node)
    known = {key: info for key, info in ServerConfig.model_fields.items() if key not in ("auth", "log_level")}
    rest = Section({key: entry for key, entry in entries.items() if key != "auth"}, at)
    found = {k: v for k, v in source.kept(rest, "server", known, words.SERVER).items() if v is not None}
    if "host" not in found:
        source.note(at, "server.host", _EVERYWHERE)
    elif found["host"] not in LOCAL:
        source.note(entries["host"].key_at, "server.host", _KEYS)
    for key, entry in source.section(entries["auth"].node if "auth" in entries else None).items():
        source.dropped(entry, f"server.auth.{key}", words.POLICY if key in POLICIES else words.AUTH)
    return found | _log_level(source)


def _log_level(source: Source) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, entry in source.section(source.root.get("logging")).items():
        if key != "category_levels":
            source.dropped(entry, f"logging.{key}", words.NOTHING)
            continue
        for category, level in source.section(entry.node).items():
            text = source.text(level.node).lower()
            if category == "all":
                found["log_level"] = LEVELS.get(text, text)
            else:
                path = f"logging.{key}.{category}"
                source.dropped(level, path, "there is one level for everything: `server.log_level`")
    return found
