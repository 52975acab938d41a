"""`stack vector-stores`: add files of this machine to vector stores, list and search them."""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stack.cli.reach import Reach, reach_options
from stack.cli.table import table

if TYPE_CHECKING:
    from stack.cli.progress import Progress
    from stack.client import StackClient
    from stack.client.ingest import Outcome

INTERRUPTED = 130
_OUR_ID = re.compile(r"vs_[0-9a-f]{32}")


class Attribute(click.ParamType[tuple[str, Any]]):
    """`KEY=VALUE`; numbers, `true`, `false` and text in double quotes are read as JSON, anything else is text."""

    name = "attribute"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        key, equals, text = str(value).partition("=")
        if not equals or not key:
            self.fail("write KEY=VALUE", param, ctx)
        if key in ("path", "sha256"):
            self.fail(f"`{key}` is what the command itself notes of a file: use another key", param, ctx)
        try:
            read = json.loads(text)
        except ValueError:
            return key, text
        is_one = isinstance(read, str | int | bool) or (isinstance(read, float) and math.isfinite(read))
        return key, read if is_one else text


class Chunking(click.ParamType[dict[str, Any]]):
    """`auto`, `SIZE` or `SIZE/OVERLAP`, in tokens."""

    name = "chunking"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        if value == "auto":
            return {"type": "auto"}
        match = re.fullmatch(r"(\d{3,4})(?:/(\d{1,4}))?", str(value))
        if match is None:
            self.fail("write `auto`, SIZE or SIZE/OVERLAP, in tokens", param, ctx)
        size = int(match[1])
        overlap = size // 2 if match[2] is None else int(match[2])
        if not 100 <= size <= 4096 or overlap > size // 2:
            self.fail("SIZE is 100 to 4096, OVERLAP at most half of it", param, ctx)
        return {"type": "static", "static": {"max_chunk_size_tokens": size, "chunk_overlap_tokens": overlap}}


@click.group("vector-stores")
def vector_stores() -> None:
    """Add files to vector stores, list and search them."""


@vector_stores.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--store", "named", default="default", show_default=True, metavar="NAME|ID", help="Made if need be.")
@click.option("--attributes", multiple=True, type=Attribute(), metavar="KEY=VALUE", help="Of each file; repeatable.")
@click.option("--recursive", is_flag=True, help="Take the files of folders within folders.")
@click.option("--include", multiple=True, metavar="GLOB", help="Of folders, take these files only; repeatable.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Of folders, leave these files out; repeatable.")
@click.option("--chunking", type=Chunking(), metavar="auto|SIZE[/OVERLAP]", help="Sizes of chunks, in tokens.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=4, show_default=True, help="Files at once.")
@reach_options
def ingest(
    reach: Reach,
    paths: tuple[Path, ...],
    named: str,
    attributes: tuple[tuple[str, Any], ...],
    recursive: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    chunking: dict[str, Any] | None,
    concurrency: int,
) -> None:
    """Add files, and the files of folders, to a vector store, and wait until they can be found.

    Said again, it skips what has not changed and replaces what has: each file is known by its PATH as it is said here.
    Exit status: 0, 1 if a file failed, 130 if it was interrupted.
    """
    from stack.cli.progress import Progress
    from stack.client.ingest import Ingest
    from stack.client.sources import find_sources

    sources = find_sources(paths, recursive=recursive, include=include, exclude=exclude)
    if not sources:
        raise click.UsageError("there are no such files: look at PATH, `--recursive`, `--include` and `--exclude`")
    progress = Progress(len(sources), sys.stderr)
    with reach.client() as client:
        store_id = _store(client, named, make=True)
        work = Ingest(
            *(client, store_id, progress), attributes=dict(attributes), chunking=chunking, concurrency=concurrency
        )
        try:
            outcomes = work.run(sources)
        except KeyboardInterrupt:
            _leave(progress, len(sources))
        progress.close()
        _summarise(store_id, outcomes)
    if any(outcome.result == "failed" for outcome in outcomes):
        raise SystemExit(1)


def _leave(progress: Progress, total: int) -> None:
    progress.close()
    rest = "the others are as they were, or the stack goes on with them"
    click.echo(f"interrupted: {progress.done} of {total} files are done, {rest}; say the same again to go on", err=True)
    raise SystemExit(INTERRUPTED)


def _summarise(store_id: str, outcomes: list[Outcome]) -> None:
    results = [outcome.result for outcome in outcomes]
    counts = ", ".join(f"{results.count(each)} {each}" for each in ("added", "replaced", "unchanged", "failed"))
    click.echo(f"{store_id}: {len(outcomes)} files ({counts}), {sum(each.chunks for each in outcomes)} chunks")
    if truncated := sum(outcome.truncated for outcome in outcomes):
        click.echo(
            f"{truncated} chunks are longer than the embedding model reads: choose a smaller `--chunking`", err=True
        )
    if failed := sorted((each.source.key, each.error) for each in outcomes if each.result == "failed"):
        click.echo(table(("FAILED", "WHY"), failed))


@vector_stores.command("list")
@reach_options
def list_stores(reach: Reach) -> None:
    """List vector stores."""
    with reach.client() as client:
        rows = [
            (each.id, each.name, each.status, str(each.file_counts.completed), str(each.file_counts.failed))
            for each in client.vector_stores.list(limit=100)
        ]
    click.echo(table(("ID", "NAME", "STATUS", "FILES", "FAILED"), rows))


@vector_stores.command()
@click.argument("query")
@click.option("--store", "named", default="default", show_default=True, metavar="NAME|ID", help="Where to search.")
@click.option("--mode", type=click.Choice(["vector", "keyword", "hybrid"]), help="How to search.")
@click.option("--limit", type=click.IntRange(1, 50), default=5, show_default=True, help="Most results.")
@reach_options
def search(reach: Reach, query: str, named: str, mode: str | None, limit: int) -> None:
    """Print the chunks that fit QUERY best."""
    with reach.client() as client:
        store_id = _store(client, named, make=False)
        body = {"search_mode": mode} if mode else {}
        found = client.vector_stores.search(store_id, query=query, max_num_results=limit, extra_body=body)
        rows = [
            (f"{each.score:.3f}", each.filename, " ".join(" ".join(part.text for part in each.content).split())[:160])
            for each in found.data
        ]
    click.echo(table(("SCORE", "FILE", "TEXT"), rows))


def _store(client: StackClient, named: str, *, make: bool) -> str:
    """The id of the store that is meant, which is made if it may be. Raises: click.ClickException."""
    found = [each for each in client.vector_stores.list(limit=100) if named in (each.id, each.name)]
    if exact := [each.id for each in found if each.id == named]:
        return exact[0]
    if len(found) > 1:
        ids = ", ".join(f"`{each.id}`" for each in found)
        raise click.ClickException(f"{len(found)} vector stores are called `{named}`: say one of {ids}")
    if found:
        return found[0].id
    if not make or _OUR_ID.fullmatch(named):
        raise click.ClickException(f"there is no vector store `{named}`: see `stack vector-stores list`")
    return client.vector_stores.create(name=named).id
