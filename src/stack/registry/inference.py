"""Who answers inference: one row per provider, sorted by type."""

from stack.registry.spec import inline, remote

PROVIDERS = (
    inline("playground", "Deterministic answers and lexical embeddings, no key, no network; not a language model."),
    remote("azure", "OpenAI's models deployed in Azure: several, each with its own endpoint, under one key."),
    remote("groq", "Open-weight models on Groq's LPU cloud."),
    remote("nvidia", "NVIDIA NIM: hosted at build.nvidia.com, or your own NIM containers."),
    remote("ollama", "Models on an Ollama server, by default the one on this machine."),
    remote("openai", "OpenAI's own API."),
    remote("openai-compatible", "Any service that speaks OpenAI's API, by base URL, key, headers and query."),
    remote("together", "Open-weight models on Together AI."),
    remote("vllm", "Models on a vLLM server of your own."),
    remote("xai", "Grok models of xAI."),
)
