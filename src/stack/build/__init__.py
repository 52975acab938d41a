"""Building a stack: from the providers it names to a lock, and an environment or a container of exactly that."""
