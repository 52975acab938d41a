"""Writing a new provider: its module, its row or its package, and tests that pass at once."""
