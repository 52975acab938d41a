"""Who keeps the bytes of files: one row per provider, sorted by type."""

from stack.registry.spec import Row, inline, remote

PROVIDERS: tuple[Row, ...] = (
    inline("localfs", "Bytes of files in a folder of this machine, flushed and whole."),
    remote(
        "s3",
        "Bytes of files in a bucket of S3, or of a service that speaks like it.",
        checked="stand-in",
        packages=("botocore>=1.36",),
    ),
)
