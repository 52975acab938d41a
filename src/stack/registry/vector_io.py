"""Who keeps and finds chunks: one row per provider, sorted by type."""

from stack.registry.spec import Row

PROVIDERS: tuple[Row, ...] = ()
