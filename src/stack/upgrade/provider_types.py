"""Which provider of ours takes the place of one of theirs, and what its settings are called here."""

from __future__ import annotations

_COMPATIBLE = "remote::openai-compatible"

# Where the type of the same name does not exist here; the API matters for names that they use twice.
TYPES = {
    ("inference", "remote::tgi"): _COMPATIBLE,
    ("inference", "remote::text-embeddings-inference"): _COMPATIBLE,
    ("inference", "remote::llama-openai-compat"): _COMPATIBLE,
    ("inference", "remote::meta"): _COMPATIBLE,
    ("inference", "remote::hf::serverless"): "remote::huggingface",
    ("inference", "inline::sentence-transformers"): "inline::onnx-embeddings",
    ("vector_io", "inline::meta-reference"): "inline::faiss",
    ("vector_io", "inline::sqlite_vec"): "inline::sqlite-vec",
    ("vector_io", "remote::chromadb"): "remote::chroma",
    ("vector_io", "inline::qdrant"): "remote::qdrant",
}
REASONS = {
    "inline::meta-reference": "run the model by `remote::vllm`, `remote::ollama` or `inline::llama-cpp`",
    "inline::vllm": "run a vLLM server, and name it by `remote::vllm`",
    "remote::hf::endpoint": "name the endpoint's address by `remote::openai-compatible`",
    "remote::vertexai": "use `remote::gemini` with an API key",
    "remote::openai": "keep files by `inline::localfs` or `remote::s3`",
}
REMARKS = {
    "inline::sentence-transformers": (
        "it computes `all-MiniLM-L6-v2`, or a model of `model_dir`: stores of another model are embedded anew"
    ),
}

# A setting of theirs and its name here, if the provider has one of that name.
RENAMED = {
    "url": ("base_url",),
    "openai_api_base": ("base_url",),
    "api_token": ("api_key",),
    "auth_credential": ("api_key",),
    "timeout": ("first_byte_timeout_s", "request_timeout_s"),
    "bucket_name": ("bucket",),
    "region_name": ("region",),
    "aws_access_key_id": ("access_key_id",),
    "aws_secret_access_key": ("secret_access_key",),
    "aws_session_token": ("session_token",),
}
# `url` was the address of the server in these; `base_url`, here and in later versions, is the root of its API.
API_ROOTS = {
    "remote::ollama": "/v1",
    "remote::groq": "/openai/v1",
    "remote::nvidia": "/v1",
    "remote::passthrough": "/v1",
    "remote::tgi": "/v1",
}
# What was built in, so that files did not say it.
ADDRESSES = {
    "remote::llama-openai-compat": "https://api.llama.com/compat/v1",
    "remote::meta": "https://api.meta.ai/v1",
}
VECTOR_INDEXES = {"HNSW": "hnsw", "IVFFLAT": "ivfflat", "IVFFlat": "ivfflat"}
VECTOR_INDEX_KEYS = {"nlist": "lists", "lists": "lists", "nprobe": "probes", "probes": "probes"}
