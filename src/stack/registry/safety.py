"""Who checks what goes in and what comes out: one row per provider, sorted by type."""

from stack.registry.spec import Row, inline, remote

PROVIDERS: tuple[Row, ...] = (
    inline(
        "keywords",
        "Words and regular expressions of yours, found in time that grows with the text alone.",
        packages=("google-re2>=1.1",),
    ),
    inline(
        "llama-guard",
        "Llama Guard, or any model that follows its prompt: the hazards of MLCommons.",
        needs=("inference",),
    ),
    remote("openai-moderation", "OpenAI's moderations of texts and images, which cost nothing."),
    remote("passthrough", "Shields of another stack, asked with the caller's own credentials."),
)
