"""Credentials by the form that their issuers give them; none is guessed from how random a text looks.

Sources: each issuer's documentation, as far as it tells, and
https://docs.github.com/en/code-security/reference/secret-security/supported-secret-scanning-patterns
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stack.providers.inline.secrets.proofs import (
    assigned,
    aws_key_id,
    aws_secret,
    crc32_base62,
    grafana,
    hex_of_two_kinds,
    jwt,
    mixed,
    password_in_url,
)

LONGEST = 512  # longer ones (keys, tokens with claims) are found in pieces


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind. pattern: RE2, whose first group, if any, is the secret; proof: what else must be true of it."""

    name: str
    pattern: str
    proof: Callable[[str], bool] = mixed
    score: float = 0.95


_WORD = "A-Za-z0-9"
_URL_SAFE = "A-Za-z0-9_-"
_QUOTED = "[\"'`]"
_END = r"(?:[^A-Za-z0-9_-]|$)"


def _token(prefix: str, alphabet: str, length: str) -> str:
    return rf"\b({prefix}[{alphabet}]{{{length}}}){_END}"


RULES: tuple[Rule, ...] = (
    Rule("age_key", _token("AGE-SECRET-KEY-1", "A-Z0-9", "58")),
    Rule("airtable_token", r"\b(pat[A-Za-z0-9]{14}\.[0-9a-f]{64})" + _END),
    Rule("anthropic_key", _token(r"sk-ant-(?:api|admin|oat|sid)\d\d-", _URL_SAFE, "80,120")),
    Rule("asana_token", _token(r"[12]/\d{15,17}(?:/\d{15,17})?:", "0-9a-f", "32")),
    Rule("aws_key_id", _token("(?:AKIA|ASIA)", "A-Z2-7", "16"), aws_key_id, 0.9),
    Rule("aws_secret_key",
         rf"(?i)aws[a-z0-9_ .-]{{0,30}}{_QUOTED}?\s{{0,3}}(?:=|:|=>|is)\s{{0,3}}{_QUOTED}?"
         r"([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)", aws_secret),
    Rule("azure_storage_key", r"(?i)AccountKey=([A-Za-z0-9+/]{86}==)"),
    Rule("cloudflare_token", _token("(?:cfut_|cfat_)", _WORD, "40,60")),
    Rule("databricks_token", r"\b(dapi[0-9a-f]{32}(?:-\d)?)" + _END,
         hex_of_two_kinds),
    Rule("digitalocean_token", _token("do[opr]_v1_", "0-9a-f", "64"), hex_of_two_kinds),
    Rule("discord_token", r"\b([MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40})" + _END),
    Rule("docker_token", _token("dckr_[op]at_", _URL_SAFE, "27,32")),
    Rule("doppler_token", r"\b(dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44})" + _END),
    Rule("fly_token", r"\b(fo1_[A-Za-z0-9_-]{43}|fm[12][ar]?_[A-Za-z0-9+/]{100,500}={0,3})"),
    Rule("github_pat", r"\b(github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})" + _END),
    Rule("github_token", _token("gh[pousr]_", _WORD, "36"), crc32_base62),
    Rule("gitlab_token", _token("gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas)-", _URL_SAFE, "20,64")),
    Rule("google_api_key", _token("AIza", _URL_SAFE, "35")),
    Rule("google_oauth_secret", _token("GOCSPX-", _URL_SAFE, "28")),
    Rule("grafana_token", r"\b(glsa_[A-Za-z0-9]{32}_[0-9a-f]{8})" + _END, grafana),
    Rule("groq_key", _token("gsk_", _WORD, "52")),
    Rule("huggingface_token", _token("(?:hf_|api_org_)", "A-Za-z", "34")),
    Rule("jwt", r"\b(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{20,})", jwt, 0.9),
    Rule("linear_key", _token("lin_api_", _WORD, "40")),
    Rule("mailgun_key", _token("key-", "0-9a-f", "32"), hex_of_two_kinds, 0.8),
    Rule("newrelic_key", _token("NRAK-", "A-Z0-9", "27")),
    Rule("notion_token", _token("ntn_", _WORD, "46")),
    Rule("npm_token", _token("npm_", _WORD, "36"), crc32_base62),
    Rule("nvidia_key", _token("nvapi-", _URL_SAFE, "60,70")),
    Rule("openai_key", r"\b(sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20})" + _END),
    Rule("openai_project_key",
         r"\b(sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,100}T3BlbkFJ[A-Za-z0-9_-]{20,100})" + _END),
    Rule("openrouter_key", _token("sk-or-v1-", "0-9a-f", "64"), hex_of_two_kinds),
    Rule("password",
         r"(?i)(?:passwords?|passwd|\bpwd|passphrase|client_secret|secret_key|api_?key|auth_token|access_token)"
         rf"{_QUOTED}?\s{{0,3}}(?:=|:|:=|=>|is|was)\s{{0,3}}{_QUOTED}?([^\s\"'`,;<>(){{}}]{{8,120}})", assigned, 0.7),
    Rule("perplexity_key", _token("pplx-", _WORD, "48,56")),
    Rule("postman_key", r"\b(PMAK-[0-9a-f]{24}-[0-9a-f]{34})" + _END, hex_of_two_kinds),
    Rule("private_key", r"(-----BEGIN (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----"
         r"(?:\s|\\n|\\r|[A-Za-z0-9+/=]|[A-Z][A-Za-z-]{3,20}: ?){40,}?"
         r"(?:-----END (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----|$|[^\sA-Za-z0-9+/=\\:-]))"),
    Rule("pypi_token", _token("pypi-AgE", _URL_SAFE, "50,400")),
    Rule("rubygems_key", _token("rubygems_", "0-9a-f", "48"), hex_of_two_kinds),
    Rule("replicate_token", _token("r8_", _WORD, "37")),
    Rule("sendgrid_key", r"\b(SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})" + _END),
    Rule("shopify_token", _token("shp(?:at|ca|pa|ss|tka)_", "0-9a-fA-F", "32"), hex_of_two_kinds),
    Rule("slack_token", r"\b(xox[abeoprs]-(?:\d-)?[A-Za-z0-9-]{20,250}|"
         r"xapp-\d-[A-Z0-9]{8,14}-\d{8,15}-[0-9a-f]{40,70})" + _END),
    Rule("slack_webhook",
         r"(hooks\.slack\.com/(?:services|workflows)/T[A-Z0-9]{8,11}/[AB][A-Z0-9]{8,11}/[A-Za-z0-9]{20,30})"),
    Rule("square_token", r"\b(sq0(?:atp-[A-Za-z0-9_-]{22}|csp-[A-Za-z0-9_-]{43}))" + _END),
    Rule("stripe_key", _token("(?:sk|rk)_(?:live|test)_", _WORD, "16,247")),
    Rule("stripe_webhook_secret", _token("whsec_", "A-Za-z0-9+/", "32,64")),
    Rule("supabase_key", _token("sb_secret_", _URL_SAFE, "31,60")),
    Rule("telegram_bot_token", r"\b(\d{8,10}:AA[A-Za-z0-9_-]{33})" + _END),
    Rule("twilio_key", _token("SK", "0-9a-f", "32"), hex_of_two_kinds, 0.7),
    Rule("url_password",
         r"\b[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s:@/\"'`<>]{0,80}:([^\s@/\"'`<>]{3,120})@[A-Za-z0-9\[.-]",
         password_in_url, 0.9),
    Rule("vault_token", _token(r"hv[sbr]\.", _URL_SAFE, "24,300")),
    Rule("xai_key", _token("xai-", _WORD, "80")),
)  # fmt: skip
