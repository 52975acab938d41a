"""Clients of a stack: over HTTP, and in process."""

from stack.client.http import AsyncStackClient, StackClient
from stack.client.library import AsyncStackAsLibraryClient, StackAsLibraryClient

__all__ = ["AsyncStackAsLibraryClient", "AsyncStackClient", "StackAsLibraryClient", "StackClient"]
