"""Pages of lists that change meanwhile: a cursor is a place in the order of arrival, even if its item is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from stack.apis.vector_stores import ListRequest, Page
from stack.errors import InvalidRequest, shortened

if TYPE_CHECKING:
    from apsw import Connection


class _Named(Protocol):
    id: str


T = TypeVar("T", bound=_Named)
FORGET_AFTER_S = 24 * 3600  # the place of an item that is gone


class Listing(NamedTuple):
    """What a page is a part of: SQL of our own words, never a caller's.

    name: of the list in `gone`; id: the column of the id; where: what belongs to the list; only: what is asked for.
    """

    name: str
    table: str
    id: str
    columns: str
    where: str
    values: tuple[Any, ...] = ()
    only: str = "TRUE"
    only_values: tuple[Any, ...] = ()


def page(connection: Connection, listing: Listing, asked: ListRequest) -> tuple[list[tuple[Any, ...]], bool]:
    """Rows in the order asked for, and whether there are more in that direction. Raises: InvalidRequest."""
    rising = asked.order == "asc"
    conditions, values = [listing.where, listing.only], [*listing.values, *listing.only_values]
    for param, cursor in (("after", asked.after), ("before", asked.before)):
        if cursor is not None:
            rising = rising if param == "after" else not rising  # from the cursor backwards
            conditions.append(f"{listing.table}.seq {'>' if rising else '<'} ?")
            values.append(_place(connection, listing, param, cursor))
    query = (
        f"SELECT {listing.columns} FROM {listing.table} WHERE {' AND '.join(conditions)}"  # noqa: S608  # our own words
        f" ORDER BY {listing.table}.seq {'ASC' if rising else 'DESC'} LIMIT ?"
    )
    rows = list(connection.execute(query, (*values, asked.limit + 1)))
    found, has_more = rows[: asked.limit], len(rows) > asked.limit
    return (found[::-1] if asked.before is not None else found), has_more


def _place(connection: Connection, listing: Listing, param: str, cursor: str) -> int:
    find = f"SELECT {listing.table}.seq FROM {listing.table} WHERE {listing.where} AND {listing.id} = ?"  # noqa: S608
    row = connection.execute(find, (*listing.values, cursor)).fetchone()
    row = row or connection.execute("SELECT seq FROM gone WHERE list = ? AND id = ?", (listing.name, cursor)).fetchone()
    if row is None:
        raise InvalidRequest(f"`{param}` is `{shortened(cursor)}`, which is not in this list", param=param)
    return int(row[0])


def remember_place(connection: Connection, name: str, item_id: str, seq: int, now: float) -> None:
    """Note where an item stood that goes now."""
    connection.execute("INSERT OR REPLACE INTO gone VALUES (?, ?, ?, ?)", (name, item_id, seq, int(now)))


def forget_places(connection: Connection, now: float) -> None:
    """Forget the places of what has been gone for a day."""
    connection.execute("DELETE FROM gone WHERE gone_at < ?", (int(now - FORGET_AFTER_S),))


def page_of(data: list[T], has_more: bool) -> Page[T]:
    """A page as callers see it."""
    ids = [item.id for item in data]
    return Page(data=data, first_id=ids[0] if ids else None, last_id=ids[-1] if ids else None, has_more=has_more)
