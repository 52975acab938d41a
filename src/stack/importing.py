"""Heavy packages are imported by one thread at a time: of two that import numpy at once, one may see half of it."""

from __future__ import annotations

import threading

# Around every import of numpy, or of what imports it, that a thread beside the event loop's makes.
one_at_a_time = threading.RLock()
