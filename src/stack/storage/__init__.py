"""What a stack keeps: SQLite databases and directories of bytes, in one state directory.

Public names, all importable from here (nothing heavy is imported until a database is opened):

- `Storage(state_dir: Path, durability="full")`: made and closed by the runtime, handed to providers and services.
  `await storage.database(name, migrations=[...], on_connect=None) -> Database`, opened once a name;
  `storage.path(name) -> Path`, a private directory for bytes; `await storage.close()`.
- `Database`: `await database.read(work)`, `await database.write(work)` with `work(connection)` run in a thread, in a
  transaction; `database.data_version() -> int` tells that somebody committed. `Connection` is `apsw.Connection`.
- `Migration = str | Callable[[Connection], None]`: one step of a schema; its number is its place in the list.
- Errors, from `stack.errors`: `StorageFull` 507, `StorageBusy` 503, `StorageCorrupt` 503, `StorageError` 503,
  `SchemaTooNew` (exit status 5).

In a directory of bytes, names that begin with a dot are work in progress: a backup leaves them out.
"""

from stack.storage.database import Database
from stack.storage.migrations import Migration
from stack.storage.opening import Durability
from stack.storage.storage import Storage

__all__ = ["Database", "Durability", "Migration", "Storage"]
