"""Kinds of personal data: how each is written, how a number proves itself, and which words beside it make it likely."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from stack.providers.inline.pii import phones
from stack.providers.inline.pii.hosts import internal_host, ipv4, ipv6, mac
from stack.providers.inline.pii.mail import mail
from stack.providers.inline.pii.national import NATIONAL, National, national_check
from stack.providers.inline.pii.numbers import card, iban

# A check gets what matched and says how many of its characters count; 0: none.
Check = Callable[[str], int]

NAMED = 0.95  # the score of what a word beside it names
CONTEXT_BEFORE, CONTEXT_AFTER = 40, 20  # characters in which such a word is looked for


@dataclass(frozen=True, slots=True)
class Entity:
    """One way to write one kind. pattern: RE2, of at most `longest` characters. score: what it is worth by itself.

    context: words, as an alternation, that raise the score to NAMED; against: words that halve it.
    """

    name: str
    pattern: str
    check: Check
    longest: int
    score: float
    context: str = ""
    against: str = ""


_OPTIONAL_SEPARATOR = re.compile(r"(\[[ .+-]+\]| |-|/|\\\.)\?")
_NOT_A_CARD = r"order|tracking|invoice|ticket|serial|isbn|ean|upc|imei|part no|sku|bestell|commande|pedido"
_NOT_AN_ADDRESS = r"version|release|firmware|section|chapter|build|\bv$|§"

OTHERS: tuple[Entity, ...] = (
    Entity("email", r"[A-Za-z0-9!#$%&'*+=?^_`{|}~.-]{1,64} ?(?:@|[(\[]at[)\]]) ?[A-Za-z0-9]"
           r"(?:[A-Za-z0-9-]|(?:\.| ?[(\[]dot[)\]] ?)[A-Za-z0-9]){1,120}", mail, 200, 0.99),
    Entity("credit_card", r"\b\d(?:[ .-]?\d){12,18}", card, 38, 0.9,
           r"card|visa|master|amex|credit|debit|carte|karte|tarjeta|cart[aã]o", _NOT_A_CARD),
    Entity("iban", r"(?i)\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}", iban, 70, 0.99),
    Entity("ip_address", r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}", ipv4, 15, 0.8, "", _NOT_AN_ADDRESS),
    Entity("ip_address", r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:\.\d{1,3}){0,3}", ipv6, 45, 0.9),
    Entity("mac_address", r"\b(?:[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2})",
           mac, 17, 0.9),
    Entity("internal_host", r"\b(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?\.){1,4}"
           r"(?:internal|intranet|corp|lan|local|localdomain)", internal_host, 140, 0.8),
)  # fmt: skip

NATIONAL_NAMES = tuple(row.name for row in NATIONAL)
NAMES = tuple(dict.fromkeys([*(entity.name for entity in OTHERS), "phone", *NATIONAL_NAMES]))


def entities(names: Iterable[str], regions: Sequence[str]) -> list[Entity]:
    """The ways to write what is named. regions: of national phone numbers."""
    wanted = set(names)
    wanted |= set(NATIONAL_NAMES) if "national_id" in wanted else set()
    found = [*OTHERS, *_phones(regions), *(each for row in NATIONAL for each in _national(row))]
    return [entity for entity in found if entity.name in wanted]


def _phones(regions: Sequence[str]) -> list[Entity]:
    check = partial(phones.phone, regions=regions)
    forms = [(phones.INTERNATIONAL, 0.9), *([(phones.FORMED, 0.6), (phones.ANY, 0.3)] if regions else [])]
    return [Entity("phone", form, check, phones.LONGEST, score, phones.CONTEXT) for form, score in forms]


def _national(row: National) -> list[Entity]:
    """A number with all of its separators, and one that may lack them where mere digits are worth less."""
    check = national_check(row.module)
    strict = _OPTIONAL_SEPARATOR.sub(r"\1", row.pattern)
    forms = {strict: row.score, row.pattern: row.bare} if strict != row.pattern else {row.pattern: row.bare}
    return [Entity(row.name, rf"\b(?:{form})", check, row.longest, score, row.context) for form, score in forms.items()]
