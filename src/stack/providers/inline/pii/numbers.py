"""Cards and bank accounts: whose they may be, and whether their check digits are right."""

from __future__ import annotations

import re
from collections.abc import Iterator

# First digits and lengths by issuer. Source: ISO/IEC 7812, and https://www.bincodes.com/bin-list/ for the ranges.
_ISSUERS: tuple[tuple[int, int, tuple[int, ...]], ...] = (
    (4, 4, (16, 19)),  # Visa
    (51, 55, (16,)),  # Mastercard
    (2221, 2720, (16,)),
    (34, 34, (15,)),  # American Express
    (37, 37, (15,)),
    (6011, 6011, (16, 17, 18, 19)),  # Discover
    (644, 659, (16, 17, 18, 19)),
    (300, 305, (14,)),  # Diners Club
    (36, 36, (14, 15, 16, 17, 18, 19)),
    (38, 39, (14, 16)),
    (3528, 3589, (16, 17, 18, 19)),  # JCB
    (62, 62, (16, 17, 18, 19)),  # UnionPay
    (2200, 2204, (16, 17, 18, 19)),  # Mir
    (5018, 5018, (16,)),  # Maestro
    (5020, 5020, (16,)),
    (5038, 5038, (16,)),
    (6304, 6304, (16,)),
)
_ISSUED = re.compile("|".join(str(first) for low, high, _ in _ISSUERS for first in range(low, high + 1)))
# Source: the IBAN registry of SWIFT, release 99.
_IBAN_LENGTHS = {
    code: length
    for length, codes in {
        15: "NO", 16: "BE", 18: "DK FI FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK", 21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for code in codes.split()
}  # fmt: skip
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def card(written: str) -> int:
    """How much of what is written is the number of a card, ending where a group of digits does."""
    if not _ISSUED.match(re.sub(r"\D", "", written[:8])):
        return 0
    return next((end for end, digits in _beginnings(written, 14) if _issued(digits) and luhn(digits)), 0)


def luhn(digits: str) -> bool:
    """Whether the last digit is that of Luhn's formula, and the number is none of one digit repeated."""
    total = sum(map(int, digits[-1::-2])) + sum(_DOUBLED[int(digit)] for digit in digits[-2::-2])
    return total % 10 == 0 and len(set(digits)) > 1


def iban(written: str) -> int:
    """How much of what is written is an account's number: the country's length and form, and the rest of 97."""
    length = _IBAN_LENGTHS.get(written[:2].upper(), 0)
    return next(
        (
            end
            for end, number in _beginnings(written, 15)
            if len(number) == length and _mod_97(number) and _account(number)
        ),
        0,
    )


def _beginnings(written: str, least: int) -> Iterator[tuple[int, str]]:
    """Each beginning that ends where a group does, longest first, with and without its separators."""
    for end in range(len(written), least - 1, -1):
        if written[end - 1].isalnum() and (end == len(written) or not written[end].isalnum()):
            yield end, "".join(filter(str.isalnum, written[:end]))


def _issued(digits: str) -> bool:
    return any(
        low <= int(digits[: len(str(low))]) <= high and len(digits) in lengths for low, high, lengths in _ISSUERS
    )


def _mod_97(number: str) -> bool:
    return int("".join(str(int(char, 36)) for char in number[4:] + number[:4])) % 97 == 1


def _account(number: str) -> bool:
    from stdnum import iban as form

    return form.is_valid(number, check_country=False)
