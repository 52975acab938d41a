"""OpenAI's vector stores, once for every engine: stores, files, batches, search, expiry."""

from stack.services.vector_stores.service import VectorStores

__all__ = ["VectorStores"]
