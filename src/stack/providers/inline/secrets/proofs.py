"""What tells a credential from a text that has its form: checksums, structure, and that it is no placeholder."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PLACEHOLDER = re.compile(
    r"x{4}|\*{3}|\.{3}|1234567|abcdefg|(.)\1{5}|example|placeholder|your[-_ ]|redacted|changeme|change-me|dummy|sample"
    r"|not[-_]?a[-_]?real|fake|insert|replace|\bnone\b|\bnull\b|undefined|secret[-_]?here",
    re.IGNORECASE,
)
# `password = os.environ["X"]`, `$DB_PASS`, `{{ vault }}`: where a secret is read from, not the secret.
_REFERENCE = re.compile(
    r"[$%{<\[]|(?:os|env|config|settings|process|self|this|args|request|getenv|secrets?|vault|props)[.\[]|[\w.]+\(",
    re.IGNORECASE,
)
_TYPES = frozenset({"string", "password", "secretstr", "required", "optional", "boolean"})

_KINDS = [re.compile(kind) for kind in ("[A-Z]", "[a-z]", "[0-9]", r"[^\w./:\\-]")]


def mixed(token: str) -> bool:
    """Whether it is no placeholder: it has digits as well as letters, and none of the words that stand for a secret."""
    body = re.sub(r"^[a-z]+[-_]", "", token)
    return not _PLACEHOLDER.search(token) and (len(set(body)) > 8 or "PRIVATE KEY" in token)


def hex_of_two_kinds(token: str) -> bool:
    """Whether hexadecimal digits vary as those of a random number do."""
    return mixed(token) and len(set(token[-32:].lower())) > 6


def aws_key_id(token: str) -> bool:
    """Account numbers of AWS fill the id in base 32; those of its documentation end in EXAMPLE."""
    return not token.endswith("EXAMPLE") and len(set(token[4:])) > 5


def aws_secret(token: str) -> bool:
    """Forty characters of base64 of all kinds, unlike a path or the hash of a commit."""
    kinds = (str.isupper, str.islower, str.isdigit)
    return mixed(token) and all(any(kind(char) for char in token) for kind in kinds) and token.count("/") < 6


def crc32_base62(token: str) -> bool:
    """Whether the last six characters are the checksum of the thirty before.

    Source: https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
    """
    body = token.partition("_")[2]
    number = zlib.crc32(body[:-6].encode())
    digits = ""
    for _ in range(6):
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    return digits == body[-6:]


def grafana(token: str) -> bool:
    """Whether the last eight characters are the checksum of the secret in the middle."""
    _, secret, checksum = token.split("_")
    return int(checksum, 16) == zlib.crc32(secret.encode())


def jwt(token: str) -> bool:
    """Whether the first part is JSON that names an algorithm with a signature, and the second is JSON too."""
    try:
        header, claims = (json.loads(_decoded(part)) for part in token.split(".")[:2])
    except (ValueError, RecursionError):
        return False
    return isinstance(header, dict) and isinstance(claims, dict) and header.get("alg", "none") != "none"


def password_in_url(password: str) -> bool:
    """Whether it is a password and not a word that stands for one."""
    plain = password.lower()
    return not (_PLACEHOLDER.search(password) or _REFERENCE.search(password)) and not re.fullmatch(
        r"(?:user(?:name)?|pass(?:word|wd)?|pwd|pw|secret|token|port|host|\d{1,5})", plain
    )


def assigned(value: str) -> bool:
    """Whether what stands behind `password =` is one: of three kinds of characters, and no expression."""
    if len(set(value)) < 6 or sum(bool(kind.search(value)) for kind in _KINDS) < 3:
        return False
    known = value.lower() in _TYPES or _PLACEHOLDER.search(value) or _REFERENCE.match(value)
    return not known and "://" not in value


def _decoded(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error as error:
        raise ValueError("no base64") from error
