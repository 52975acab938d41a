"""What each error code means and what mends it: the source of `docs/troubleshooting.md`.

Codes that a provider chose itself pass through and are not listed.
"""

from __future__ import annotations

from typing import NamedTuple


class ErrorCode(NamedTuple):
    """A value of `error.code`. status: of the answer; None where the command line prints the message instead."""

    code: str
    status: int | None
    meaning: str
    fix: str


REQUESTS = (
    ErrorCode(
        "bad_host",
        403,
        "The Host header names another machine.",
        "Ask for 127.0.0.1 or localhost, or list the name in `server.allowed_hosts`.",
    ),
    ErrorCode(
        "conflict",
        409,
        "The resource exists already, with other content.",
        "Use another id, or delete the old one first.",
    ),
    ErrorCode(
        "content_filter",
        400,
        "A shield of the model objected to the request or to the answer; a provider's own filter says the same word.",
        "`error.shields` names the shield and its categories: say it differently, or ask whoever set the shield up.",
    ),
    ErrorCode(
        "context_length_exceeded",
        400,
        "The input is longer than the model takes.",
        "Send less, or ask a model with more room.",
    ),
    ErrorCode(
        "file_not_found",
        404,
        "There is no file of that id, or it has expired.",
        "Pick one of `GET /v1/files`, or upload it again.",
    ),
    ErrorCode("forbidden", 403, "The request is not allowed here.", "The message tells why."),
    ErrorCode(
        "headers_too_large", 431, "Too many or too long headers.", "Send less, or raise `server.max_header_bytes`."
    ),
    ErrorCode(
        "invalid_api_key",
        401,
        "The key is not valid: for this server, or at the provider if it came in `x-stack-provider-data`.",
        "Send a key of `server.auth.api_keys` as `Authorization: Bearer KEY`; check the caller's own provider key.",
    ),
    ErrorCode(
        "invalid_http",
        400,
        "The bytes are no HTTP/1.1 request.",
        "Look for a proxy in between, or for TLS spoken to a plain port.",
    ),
    ErrorCode(
        "invalid_file",
        400,
        "A file is empty, broken, encrypted, or larger inside than is read.",
        "The message tells which; save it again, without a password, or split it.",
    ),
    ErrorCode("invalid_json", 400, "The body does not parse as JSON.", "The message tells where."),
    ErrorCode(
        "invalid_request",
        400,
        "A field is missing or has the wrong type.",
        "`param` names the field, the message what it must be.",
    ),
    ErrorCode(
        "method_not_allowed", 405, "The route exists with another method.", "The header `allow` lists the methods."
    ),
    ErrorCode("missing_api_key", 401, "This server wants a key and got none.", "Send `Authorization: Bearer KEY`."),
    ErrorCode(
        "model_not_found",
        404,
        "Nobody serves a model of that name.",
        "Pick one of `GET /v1/models`; `stack doctor` tells why a provider lists none.",
    ),
    ErrorCode("not_found", 404, "What was asked for does not exist.", "The message names the nearest."),
    ErrorCode("payload_too_large", 413, "The body is over the limit.", "Send less, or raise `server.max_body_bytes`."),
    ErrorCode(
        "permission_denied",
        403,
        "The provider refuses the key that came with the request.",
        "Give that key the right, or use another.",
    ),
    ErrorCode(
        "request_timeout",
        408,
        "The request was not whole in time.",
        "Send it at once; see `server.header_timeout_s` and `server.body_idle_timeout_s`.",
    ),
    ErrorCode(
        "route_not_found",
        404,
        "There is no such path.",
        "`GET /v1/inspect/routes` lists them; an OpenAI client's base URL ends with `/v1`.",
    ),
    ErrorCode(
        "shield_not_found",
        404,
        "No shield has this id.",
        "The message names the nearest; `GET /v1/shields` lists all.",
    ),
    ErrorCode(
        "unreadable_content",
        400,
        "A shield of the model cannot read a part of the request: an image, a file, speech, token ids.",
        "Send it as text, or ask a model whose shields read it.",
    ),
    ErrorCode(
        "unsupported", 400, "The provider does not answer this kind of call.", "Ask a model of another provider."
    ),
    ErrorCode(
        "unsupported_file",
        400,
        "Files of this kind are not turned into text.",
        "Send text, Markdown, HTML, JSON, CSV, source code, PDF, docx, pptx or xlsx.",
    ),
    ErrorCode(
        "unsupported_media_type",
        415,
        "The body is not plain JSON.",
        "Send `content-type: application/json`, not compressed.",
    ),
    ErrorCode(
        "unsupported_parameter", 400, "The provider cannot honour an option.", "Leave out the field that `param` names."
    ),
    ErrorCode(
        "upgrade_not_supported", 400, "The request asks for another protocol.", "Send it without the header `upgrade`."
    ),
    ErrorCode(
        "range_not_satisfiable",
        416,
        "The range begins behind the end of the file.",
        "Ask for bytes below the size that `GET /v1/files/{id}` tells.",
    ),
    ErrorCode(
        "file_batch_not_found", 404, "The vector store has no such batch.", "Use the id that making the batch gave."
    ),
    ErrorCode(
        "file_not_completed",
        400,
        "The file's text is not there: it is still worked on, was cancelled, or failed.",
        "Wait until its `status` is `completed`; `last_error` tells why it failed.",
    ),
    ErrorCode(
        "no_embedding_model",
        400,
        "Text is to be embedded, and there is no model for it.",
        "Add an embedding model to run.yaml, or send embeddings.",
    ),
    ErrorCode(
        "no_rerank_model",
        400,
        "The ranker `neural` needs a model, and none is named.",
        "Name one in the request, or set `vector_stores.default_reranker_model`.",
    ),
    ErrorCode(
        "rewrite_not_configured",
        400,
        "A query is to be rewritten, and no model is configured for it.",
        "Set `vector_stores.rewrite_query_params`, or leave `rewrite_query` out.",
    ),
    ErrorCode(
        "vector_store_expired",
        400,
        "The vector store was not used for as many days as `expires_after` says, and its chunks are gone.",
        "Make another store of the same files.",
    ),
    ErrorCode(
        "vector_store_file_not_found",
        404,
        "The file is not in that vector store.",
        "`GET /v1/vector_stores/{id}/files` lists what is.",
    ),
    ErrorCode(
        "vector_store_not_found",
        404,
        "There is no vector store of that id, or it has expired.",
        "Pick one of `GET /v1/vector_stores`, or make one.",
    ),
    ErrorCode(
        "wrong_model_type",
        400,
        "An embedding model was asked to chat, or the like.",
        "`model_type` in `GET /v1/models` tells what a model does.",
    ),
)

SERVER = (
    ErrorCode("internal_error", 500, "A bug in this project.", "Report it with the log lines of its request id."),
    ErrorCode(
        "overloaded",
        503,
        "As many requests at once as set.",
        "Come back after Retry-After; raise `server.max_in_flight` or `server.workers`.",
    ),
    ErrorCode(
        "vector_store_unavailable",
        503,
        "The provider or the model that the vector store was made with is gone, or has lost it.",
        "The message names it: bring it back, or delete the store.",
    ),
    ErrorCode(
        "provider_unavailable",
        503,
        "The provider did not start.",
        "The message and `GET /v1/providers` give the reason; `stack doctor` the line that mends it.",
    ),
    ErrorCode(
        "file_missing",
        500,
        "A file is known, but its bytes are gone from where they were kept.",
        "Bring a backup back with `stack restore DIR`, or delete the file and upload it again.",
    ),
    ErrorCode(
        "shield_unavailable",
        503,
        "A shield of the model could not be asked, or did not answer in time: nothing passes unchecked.",
        "The message names it; see its provider in `GET /v1/providers`, or set `on_error: allow` where it is used.",
    ),
    ErrorCode("server_starting", 503, "Not every provider has started yet.", "Ask again in a moment."),
    ErrorCode(
        "server_shutting_down",
        503,
        "The server stops, or stopped before the answer was complete.",
        "Ask again; raise `server.shutdown_grace_s` for long streams.",
    ),
    ErrorCode(
        "storage_busy",
        503,
        "Another process kept a database locked for five seconds.",
        "Come back after Retry-After; look for what else has the files of the state directory open.",
    ),
    ErrorCode(
        "storage_corrupt",
        503,
        "A database or a backup is damaged.",
        "Stop the server, move the state directory away, and bring a backup back with `stack restore DIR`.",
    ),
    ErrorCode(
        "storage_full",
        507,
        "The disk of the state directory is full; nothing of the request was stored.",
        "Make room: the next write succeeds without a restart.",
    ),
    ErrorCode(
        "storage_unavailable",
        503,
        "What keeps the data cannot be used: the state directory, or the database server of a provider.",
        "The message gives the reason: is the disk mounted, local, and writable; is the server up?",
    ),
)

UPSTREAM = (
    ErrorCode(
        "deadline_exceeded",
        504,
        "The time for the request was over while a provider was waited for.",
        "Raise `x-stack-timeout-ms` or `server.timeout_s`.",
    ),
    ErrorCode(
        "insufficient_quota", 429, "The provider's account has no credit left.", "Top it up; waiting does not help."
    ),
    ErrorCode(
        "not_recorded",
        502,
        "The server replays recorded answers, and none is of this request.",
        "The message names the nearest recording and what differs; record anew with `stack run --record`.",
    ),
    ErrorCode("rate_limit_exceeded", 429, "The provider refuses more requests for now.", "Wait for Retry-After."),
    ErrorCode(
        "upstream_auth_failed",
        502,
        "The provider refuses the configured credential.",
        "Check the provider's `api_key`: `stack doctor` names the variable.",
    ),
    ErrorCode(
        "upstream_bad_response",
        502,
        "The provider's answer is not what the API promises.",
        "Is `base_url` the API's root? Look at the provider's status page.",
    ),
    ErrorCode(
        "upstream_dns",
        502,
        "The host name of `base_url` does not resolve; with status 504: not in time.",
        "Check the name, and this machine's DNS.",
    ),
    ErrorCode(
        "upstream_error",
        502,
        "The provider failed, or reported an error (503 if it said 503 or 529).",
        "`error.upstream` tells its own words.",
    ),
    ErrorCode(
        "upstream_idle",
        504,
        "The provider stopped sending within an answer.",
        "Raise the provider's `idle_timeout_s` if it thinks for long.",
    ),
    ErrorCode(
        "upstream_redirect",
        502,
        "The provider answers with a redirect, which is never followed.",
        "Set `base_url` to where it points; often `http` for `https`.",
    ),
    ErrorCode(
        "upstream_reset",
        502,
        "The provider closed the connection before its answer was complete.",
        "Ask again; look at what stands between here and there.",
    ),
    ErrorCode(
        "upstream_timeout",
        504,
        "The provider did not connect or answer in time, or said so itself.",
        "Raise `first_byte_timeout_s` or `connect_timeout_s`; is it loading a model?",
    ),
    ErrorCode(
        "upstream_tls",
        502,
        "The provider's certificate is not trusted, or it speaks no TLS; with status 504: no handshake in time.",
        "Check the host name in `base_url`; set `SSL_CERT_FILE` for a certificate authority of your own.",
    ),
    ErrorCode(
        "upstream_too_large",
        502,
        "The provider sent more than is taken.",
        "Raise the provider's `max_response_bytes`, or ask for a stream.",
    ),
    ErrorCode(
        "upstream_truncated",
        502,
        "The provider's stream ended without a finish.",
        "What came is incomplete; ask again.",
    ),
    ErrorCode(
        "upstream_unreachable",
        502,
        "The provider's port takes no connection.",
        "Is it running? `stack doctor` shows how far it gets.",
    ),
)

COMMANDS = (
    ErrorCode(
        "bad_config",
        None,
        "run.yaml or build.yaml has mistakes.",
        "Each line tells file, line, column, and what to do.",
    ),
    ErrorCode(
        "package_conflict",
        None,
        "Packages that providers need cannot be installed together.",
        "The message names the providers: leave one out, or build two stacks.",
    ),
    ErrorCode(
        "build_failed",
        None,
        "An environment could not be made.",
        "The installer's own words stand above; what was there before is untouched.",
    ),
    ErrorCode("config_error", None, "What was asked for cannot be run.", "The message tells what to change."),
    ErrorCode(
        "forbidden_import",
        None,
        "A provider module imports a package of its row when only its `Config` is wanted.",
        "Import it where it is used.",
    ),
    ErrorCode(
        "missing_package", None, "A provider's package is not installed.", "Run the `pip install` line of the message."
    ),
    ErrorCode(
        "provider_load_error",
        None,
        "A provider's module is there and cannot be used.",
        "The message names the method, class or exception.",
    ),
    ErrorCode(
        "providers_failed",
        None,
        "A provider did not start, and `--strict` was said.",
        "The log tells which; `stack doctor` what mends it.",
    ),
    ErrorCode(
        "schema_too_new",
        None,
        "A newer version wrote the database.",
        "Run that version or a newer one, or restore a backup of before the upgrade.",
    ),
    ErrorCode("unknown_distribution", None, "There is no distribution of that name.", "`stack list` shows them."),
    ErrorCode(
        "unknown_provider",
        None,
        "There is no provider of that type.",
        "`stack list-providers` shows them; one of your own is named by `module:`.",
    ),
)
GROUPS = {
    "The request": REQUESTS,
    "The server": SERVER,
    "The provider": UPSTREAM,
    "On the command line, and as the reason why a provider failed": COMMANDS,
}
