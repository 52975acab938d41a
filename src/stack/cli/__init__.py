"""The command line: thin commands, heavy imports inside them."""

from stack.cli.program import main

__all__ = ["main"]
