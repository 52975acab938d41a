"""Who keeps the bytes of files: one row per provider, sorted by type."""

from stack.registry.spec import Row

PROVIDERS: tuple[Row, ...] = ()
