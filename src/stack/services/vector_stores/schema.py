"""The database of vector stores: what there is, and the work that is owed to the engines.

`jobs` holds one row per file, or per store (`file_id` is empty then), as long as something is to be done: `ingest` a
file, bring its chunks to its `attributes`, `clear` its chunks, `delete` it; `create`, `expire` or `drop` a store.
Whoever does it holds the lease, and renews it; a lease that has run out may be taken.
"""

from __future__ import annotations

DATABASE = "vector_stores"

_FIRST = """
CREATE TABLE stores (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    phase TEXT NOT NULL CHECK (phase IN ('creating', 'live', 'expired')),
    name TEXT NOT NULL,
    description TEXT,
    metadata TEXT,
    created_at INTEGER NOT NULL,
    last_active_at INTEGER NOT NULL,
    expires_days INTEGER,
    provider_id TEXT NOT NULL,
    provider_vector_store_id TEXT NOT NULL,
    embedding_model TEXT NOT NULL,
    asks_dimension INTEGER NOT NULL,
    dimension INTEGER NOT NULL,
    metric TEXT NOT NULL,
    params TEXT NOT NULL
) STRICT;

CREATE TABLE files (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    store_id TEXT NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    file_id TEXT NOT NULL,
    filename TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('in_progress', 'completed', 'cancelled', 'failed')),
    usage_bytes INTEGER NOT NULL DEFAULT 0,
    attributes TEXT NOT NULL,
    chunk_size INTEGER NOT NULL,
    chunk_overlap INTEGER NOT NULL,
    error_code TEXT,
    error_message TEXT,
    chunks_total INTEGER,
    chunks_done INTEGER NOT NULL DEFAULT 0,
    chunks_stored INTEGER NOT NULL DEFAULT 0, -- chunks of higher numbers are not in the engine
    attempts INTEGER NOT NULL DEFAULT 0,
    UNIQUE (store_id, file_id)
) STRICT;
CREATE INDEX files_by_status ON files (store_id, status, usage_bytes);

CREATE TABLE batches (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    store_id TEXT NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    is_cancelled INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE batch_files (
    batch_id TEXT NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
    file_seq INTEGER NOT NULL REFERENCES files (seq) ON DELETE CASCADE,
    PRIMARY KEY (batch_id, file_seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX batches_of_files ON batch_files (file_seq);

CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('ingest', 'attributes', 'clear', 'delete', 'create', 'expire', 'drop')),
    store_id TEXT NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    file_id TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    owner TEXT,
    lease_until REAL NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    UNIQUE (store_id, file_id)
) STRICT;

-- Where what is gone stood in its list, so that a page after it can be found.
CREATE TABLE gone (
    list TEXT NOT NULL,
    id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    gone_at INTEGER NOT NULL,
    PRIMARY KEY (list, id)
) STRICT, WITHOUT ROWID;
"""

# Chunks whose end the embedding model does not read.
_SECOND = "ALTER TABLE files ADD COLUMN chunks_truncated INTEGER NOT NULL DEFAULT 0"

# A file that is deleted goes out of every store.
_THIRD = "CREATE INDEX files_by_file ON files (file_id)"

MIGRATIONS = (_FIRST, _SECOND, _THIRD)
