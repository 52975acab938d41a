"""JSON bodies of megabytes: read in a thread, and the long list in them item by item.

Pydantic's parser lets no other thread run before it is done, 5 ms for each megabyte; between two items others can.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TypeVar

import pydantic_core
from pydantic import BaseModel

from stack.server.json_limits import check_json, check_values

M = TypeVar("M", bound=BaseModel)

LONG = 256 * 1024  # bytes that take more than a millisecond


@dataclass(frozen=True, slots=True)
class LongList:
    """Which field of a request makes it long, and the shape of its items."""

    field: str
    item: type[BaseModel]


async def parsed(body: bytes, model: type[M], long: LongList | None = None) -> M:
    """A body by its shape. Raises: InvalidRequest, ValidationError."""
    if long is None or len(body) <= LONG:
        return _whole(body, model)
    return await asyncio.to_thread(_by_items, body, model, long)


def _whole(body: bytes, model: type[M]) -> M:
    check_values(body)
    check_json(body)
    return model.model_validate_json(body or b"{}")


def _by_items(body: bytes, model: type[M], long: LongList) -> M:
    import msgspec

    check_values(body)
    check_json(body)
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        listed = msgspec.json.decode(fields.pop(long.field), type=list[msgspec.Raw])
        items = [long.item.model_validate_json(bytes(item)) for item in listed]
        others = {name: pydantic_core.from_json(bytes(value)) for name, value in fields.items()}
        return model.model_validate({**others, long.field: items})
    except (KeyError, ValueError, msgspec.MsgspecError):
        return model.model_validate_json(body)  # which tells what is wrong, and where
