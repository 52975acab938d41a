"""Filters over the rows of an index: the database finds the rows of each comparison, numpy joins them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stack.apis.filters import ComparisonFilter, CompoundFilter
from stack.providers.inline.chunk_store.filters import comparison

if TYPE_CHECKING:
    from apsw import Connection

Mask = NDArray[np.bool_]


class Passing:
    """Which rows pass a filter, as a connection sees them."""

    def __init__(self, connection: Connection, filter: ComparisonFilter | CompoundFilter, number: int) -> None:
        self._join = np.logical_and if filter.type == "and" else np.logical_or
        self._inner: list[Passing] = []
        self._negated = False
        if isinstance(filter, CompoundFilter):
            self._inner = [Passing(connection, each, number) for each in filter.filters]
            return
        select, parameters, self._negated = comparison(filter, number)
        # One text of all numbers is read several times faster than a row for each.
        numbers = connection.execute(f"SELECT group_concat(row) FROM ({select})", parameters).get
        self._rows = np.fromstring(numbers or "", np.int64, sep=",")

    def mask(self, rows: NDArray[np.int64]) -> Mask:
        """Which of these rows pass; they ascend, and are all in the store."""
        if self._inner:
            first, *others = (inner.mask(rows) for inner in self._inner)
            for other in others:
                self._join(first, other, out=first)
            return first
        found = np.zeros(len(rows), bool)
        places = places_of(self._rows, rows)
        found[places[places >= 0]] = True
        return ~found if self._negated else found


def places_of(wanted: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each wanted row lies among `rows`, which ascend; -1 for one that is not there."""
    if not len(rows):
        return np.full(len(wanted), -1, np.int64)
    places = np.minimum(np.searchsorted(rows, wanted), len(rows) - 1)
    return np.where(rows[places] == wanted, places, -1)
