"""The shields of a stack: those of run.yaml, and those that were registered while it ran."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stack.apis.shields import Shield, ShieldRegistration
from stack.errors import Conflict, InvalidRequest, NotFound, StackError, quoted
from stack.routing.safety import SafetyRouter
from stack.storage import Database, Storage

if TYPE_CHECKING:
    from apsw import Connection
    from structlog.typing import FilteringBoundLogger

DATABASE = "shields"
_SCHEMA = """
CREATE TABLE shields (
    shield_id TEXT PRIMARY KEY, provider_id TEXT NOT NULL, provider_shield_id TEXT NOT NULL, params TEXT NOT NULL
) WITHOUT ROWID, STRICT;
"""


class ShieldsService:
    """Keeps the router told of every shield. Processes that share the storage see the same ones.

    declared: the shields of run.yaml, which nobody can change while the stack runs.
    """

    def __init__(
        self, declared: Sequence[Shield], router: SafetyRouter, storage: Storage, log: FilteringBoundLogger
    ) -> None:
        self._declared = {shield.shield_id: shield for shield in declared}
        self._registered: set[str] = set()
        self._router = router
        self._storage = storage
        self._log = log
        self._version = -1

    async def start(self) -> list[str]:
        """Why shields of run.yaml cannot be used, one sentence each; they refuse what they were to check.

        Raises: SchemaTooNew, storage errors.
        """
        problems: list[str] = []
        for shield in self._declared.values():
            try:
                await self._router.describe_shield(shield)
            except StackError as error:
                problems.append(f"shield `{shield.shield_id}`: {error.message}")
            except Exception as error:  # a provider's own code must not end the others
                problems.append(f"shield `{shield.shield_id}`: its provider failed with {type(error).__name__}")
        for problem in problems:
            self._log.error("shield failed", reason=problem)
        await self._sync()
        return problems

    async def all(self) -> list[Shield]:
        """Every shield."""
        await self._sync()
        return self._router.shields()

    async def find(self, shield_id: str) -> Shield:
        """Raises: NotFound naming the nearest."""
        await self._sync()
        return self._router.find(shield_id)

    async def register(self, asked: ShieldRegistration) -> Shield:
        """Keep a shield; the same one again is no error. Raises: Conflict, InvalidRequest, NotFound, storage errors."""
        await self._sync()
        shield = Shield(
            asked.shield_id,
            asked.provider_id or self._only_provider(),
            asked.provider_shield_id or asked.shield_id,
            asked.params or {},
        )
        known = {each.shield_id: each for each in self._router.shields()}
        if (there := known.get(shield.shield_id)) is None:
            await self._router.instance(shield.provider_id).answer().describe_shield(shield)
            there = await (await self._database()).write(lambda connection: _kept(connection, shield))
            self._place(there)
        if there != shield:
            raise Conflict(f"the shield `{shield.shield_id}` exists already, with other settings", param="shield_id")
        return there

    async def remove(self, shield_id: str) -> None:
        """Raises: NotFound; Conflict for a shield of run.yaml."""
        await self.find(shield_id)
        if shield_id in self._declared:
            message = f"the shield `{shield_id}` stands in run.yaml: remove it there"
            raise Conflict(message, param="shield_id")
        await (await self._database()).write(
            lambda connection: connection.execute("DELETE FROM shields WHERE shield_id = ?", (shield_id,)).get
        )
        self._router.displace(shield_id)
        self._registered.discard(shield_id)

    def _only_provider(self) -> str:
        ids = list(self._router.instances)
        if not ids:
            message = "there is no provider of safety: add one under `providers.safety`"
            raise NotFound(message, param="provider_id")
        if len(ids) > 1:
            raise InvalidRequest(f"`provider_id` is missing: name one of {quoted(ids)}", param="provider_id")
        return ids[0]

    def _place(self, shield: Shield) -> None:
        self._router.place(shield)
        self._registered.add(shield.shield_id)

    async def _database(self) -> Database:
        return await self._storage.database(DATABASE, migrations=(_SCHEMA,))

    async def _sync(self) -> None:
        """Learn what other processes registered and removed."""
        if not self._registered and self._version < 0 and not self._storage.exists(DATABASE):
            return
        database = await self._database()
        version = database.data_version()
        if version == self._version:
            return
        stored = {shield.shield_id: shield for shield in await database.read(_rows)}
        for shield_id in self._registered - stored.keys():
            self._router.displace(shield_id)
            self._registered.discard(shield_id)
        for shield_id, shield in stored.items():
            if shield_id not in self._declared:  # run.yaml wins
                self._place(shield)
        self._version = version


def _kept(connection: Connection, shield: Shield) -> Shield:
    """The shield, or the one of its id that somebody else was first to keep."""
    row = (shield.shield_id, shield.provider_id, shield.provider_shield_id, json.dumps(dict(shield.params)))
    connection.execute("INSERT INTO shields VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", row)
    return next(each for each in _rows(connection) if each.shield_id == shield.shield_id)


def _rows(connection: Connection) -> list[Shield]:
    query = "SELECT shield_id, provider_id, provider_shield_id, params FROM shields"
    return [
        Shield(shield_id, provider_id, name, json.loads(params))
        for shield_id, provider_id, name, params in connection.execute(query)
    ]
