"""Who checks what goes in and what comes out: one row per provider, sorted by type."""

from stack.registry.spec import Row, inline, remote

PROVIDERS: tuple[Row, ...] = (
    inline(
        "code-scanner",
        "Insecure code in answers, by syntax tree in Python and by lines in other languages, with its number in CWE.",
        packages=("google-re2>=1.1",),
    ),
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
    inline(
        "pii",
        "Personal data, proved by check digits: cards, accounts, national numbers, phones, mail, addresses of hosts.",
        packages=("google-re2>=1.1", "phonenumberslite>=9.0", "python-stdnum>=2.0"),
    ),
    inline(
        "prompt-guard",
        "Prompt injection and jailbreaks, by rules in every disguise, by meaning, and by Prompt Guard's own weights.",
        packages=("google-re2>=1.1",),
    ),
    inline(
        "secrets",
        "Keys, tokens and passwords, by the forms and checksums that their issuers give them.",
        packages=("google-re2>=1.1",),
    ),
    remote("bedrock", "Guardrails of Amazon Bedrock, which tell what they mask.", packages=("botocore>=1.36",)),
    remote("nvidia", "NeMo Guardrails, or NVIDIA's content safety models."),
    remote("openai-moderation", "OpenAI's moderations of texts and images, which cost nothing."),
    remote("passthrough", "Shields of another stack, asked with the caller's own credentials."),
    remote("sambanova", "Llama Guard on SambaNova's RDU chips."),
)
