"""Weaknesses of code, by name: what CWE calls them, and how sure one may be that code of that form has them."""

from __future__ import annotations

from dataclasses import dataclass

# Source: https://cwe.mitre.org/data/index.html
CWE = {
    "bad_permissions": 732,
    "broken_cipher": 327,
    "buffer_overflow": 120,
    "code_injection": 95,
    "command_injection": 78,
    "cross_site_scripting": 79,
    "debug_server": 489,
    "download_and_run": 494,
    "hard_coded_credential": 798,
    "no_tls_verification": 295,
    "path_traversal": 22,
    "predictable_secret": 330,
    "server_side_request": 918,
    "sql_injection": 89,
    "template_injection": 1336,
    "temporary_file": 377,
    "unsafe_deserialization": 502,
    "unverified_token": 347,
    "weak_password_hash": 916,
    "xml_entities": 611,
}


@dataclass(frozen=True, slots=True)
class Weakness:
    """One place of a text. name: a key of CWE; start, end: its characters."""

    name: str
    start: int
    end: int
