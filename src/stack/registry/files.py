"""Who keeps the bytes of files: one row per provider, sorted by type."""

from stack.registry.spec import Row, inline

PROVIDERS: tuple[Row, ...] = (inline("localfs", "Bytes of files in a folder of this machine, flushed and whole."),)
