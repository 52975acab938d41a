"""Whether anybody has committed to a database: a connection that only asks."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from stack.storage.failures import storage_error
from stack.storage.opening import Opener

if TYPE_CHECKING:
    from apsw import Connection


class Watch:
    """Asks `PRAGMA data_version`, whose numbers can only be compared on one connection."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    def data_version(self) -> int:
        """The number; see `Database.data_version`."""
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._opener.connect(query_only=True)
                found = self._connection.execute("PRAGMA data_version").get
            except Exception as error:
                failure = storage_error(error, self._opener.path, self._connection)
                if failure is error:
                    raise
                raise failure from error
        assert isinstance(found, int)
        return found

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
