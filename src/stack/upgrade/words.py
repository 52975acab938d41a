"""What the words of Llama Stack 0.2 and OGX have no counterpart for here: why, and what to do instead."""

from __future__ import annotations

NOTHING = "there is nothing like it here"
_AGENTS = "ask models at `/v1/chat/completions`, and run the loop of tools in the application"
_EVALUATION = "evaluate with a tool made for it, through `/v1/chat/completions`"
_KEPT_HERE = (
    "what the stack keeps is below `storage.state_dir`, set there if need be; what the old store holds stays there"
)
_TLS = "serve TLS with a proxy in front of the stack"
_PROMPTS = "nothing here writes search results into a prompt: do it in the application"

APIS = {
    "agents": _AGENTS,
    "responses": _AGENTS,
    "interactions": "ask models at `/v1/chat/completions`",
    "messages": "ask models at `/v1/chat/completions`",
    "batches": "send the requests one by one",
    "conversations": "keep conversations in the application",
    "prompts": "keep prompts in the application",
    "tool_runtime": "run tools in the application; search files by `/v1/vector_stores/{id}/search`",
    "connectors": "connect to MCP servers in the application",
    "telemetry": "`GET /metrics` counts, and the log tells the rest",
    "file_processors": "files become text without a provider: leave it out",
    "eval": _EVALUATION,
    "scoring": _EVALUATION,
    "benchmarks": _EVALUATION,
    "datasetio": _EVALUATION,
    "post_training": "train with a tool made for it",
    "skills": "keep skills in the application",
    "container_runtime": "run code in the application",
}

TOP = {
    "container_image": "the base image belongs to a build: `distribution_spec.container_image` of build.yaml",
    "metadata_store": _KEPT_HERE,
    "inference_store": f"chat completions are not stored; {_KEPT_HERE}",
    "conversations_store": f"conversations are not stored; {_KEPT_HERE}",
    "datasets": _EVALUATION,
    "scoring_fns": _EVALUATION,
    "benchmarks": _EVALUATION,
    "tool_groups": "run tools in the application",
    "connectors": "connect to MCP servers in the application",
    "telemetry": APIS["telemetry"],
    "external_apis_dir": "APIs cannot be added from outside: serve it beside the stack",
    "quota": "put a limit in front of the stack",
}

SERVER = {
    "tls_certfile": _TLS,
    "tls_keyfile": _TLS,
    "tls_cafile": _TLS,
    "tls_config": _TLS,
    "insecure": "TLS is not served, so there is none to leave out",
    "hsts_max_age": "set the header in the proxy that serves TLS",
    "quota": "put a limit in front of the stack, or see `server.max_in_flight`",
    "cors": "set the headers in a proxy in front of the stack",
    "registry_refresh_interval_seconds": "listings are fetched at start and when a name is not found: nothing to set",
    "tenancy": "run one stack for each tenant",
    "disable_ipv6": "set `server.host` to the address to listen on",
}
AUTH = (
    "callers are known by keys here: put some of at least 20 characters into `server.auth.api_keys`, or check callers"
    " in a proxy; without keys, the stack serves this machine alone"
)
POLICY = "every caller with a key may do everything: run a stack for each group of callers"

VECTOR_STORES = {
    "file_search_params": _PROMPTS,
    "context_prompt_params": _PROMPTS,
    "annotation_prompt_params": _PROMPTS,
    "contextual_retrieval_params": "chunks are embedded as they are",
    "embedding_params": "models are asked without `input_type`",
    "file_batch_params": "files are added by jobs that outlive a process: see `vector_stores.file_ingestion_params`",
    "max_tokens_in_context": _PROMPTS,
    "prompt": "the instruction comes before the query here, without `{query}`: write a new one, or keep the default",
}

SETTINGS = {
    "kvstore": _KEPT_HERE,
    "persistence": _KEPT_HERE,
    "persistence_store": _KEPT_HERE,
    "metadata_store": _KEPT_HERE,
    "db_path": f"{_KEPT_HERE}; add the files to their vector stores again",
    "max_tokens": "each request says its own, or the model's limit holds",
    "tls_verify": "certificates are always checked: add an authority of your own by the variable `SSL_CERT_FILE`",
    "refresh_models": "listings are fetched at start and when a name is not found: nothing to set",
    "append_api_version": "`base_url` is the whole root, with its version",
    "api_type": "it follows from `base_url`",
    "distance_metric": "each vector store has its `metric`, which is `cosine` unless it says otherwise",
    "trust_remote_code": "no code of a model's repository is ever run",
    "access_token": "use an API key",
    "project": "use an API key",
    "proxy": "providers are called directly: let the machine reach them",
    "tls": "certificates are always checked: add an authority of your own by the variable `SSL_CERT_FILE`",
    "limits": "connections are pooled without a setting",
    "headers": "only `remote::openai-compatible` adds headers",
}
