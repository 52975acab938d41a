"""Who checks what goes in and what comes out: one row per provider, sorted by type."""

from stack.registry.spec import Row

PROVIDERS: tuple[Row, ...] = ()
