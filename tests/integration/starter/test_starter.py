"""The starter as it comes, without any key: it starts, and leads from a PDF to an answer that says where it stands."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import openai
import pytest
from integration.reaching import PATIENCE_S, WAYS, server_process
from office_files import pdf

from stack import StackAsLibraryClient

pytest.importorskip("onnxruntime", reason="the starter's model runs on it")
pytest.importorskip("faiss", reason="the starter's vector stores use it")

MODEL = "playground/not-an-llm"
PAGES = (
    "The shop opens at nine and closes at six. Cars park behind the house. " * 20,
    "Goods can be returned within thirty days. The receipt must be shown. " * 20,
)
QUESTION = "Within how many days can goods be returned?"
START_S = 5.0  # of CPU: a machine that is busy with other things gives it later, and no more of it


def two_pages() -> bytes:
    """A PDF that says one of PAGES on each page."""
    page = (
        b"<< /Type /Page /Parent 2 0 R /Contents %d 0 R /MediaBox [0 0 612 792]"
        b" /Resources << /Font << /F1 7 0 R >> >> >>"
    )
    drawn = [b"BT /F1 12 Tf 72 700 Td (%s) Tj ET" % text.encode() for text in PAGES]
    contents = [b"<< /Length %d >>\nstream\n%s\nendstream" % (len(each), each) for each in drawn]
    first = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R 5 0 R] /Count 2 >>"]
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    return pdf([*first, page % 4, contents[0], page % 6, contents[1], font])


def without_keys() -> dict[str, str | None]:
    """Takes away what would switch providers on."""
    return {name: None for name in os.environ if name.endswith(("_API_KEY", "_URL", "_TOKEN"))}


def cpu_seconds(pid: int) -> float:
    """What a process has used (proc_pid_stat(5): fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="module", params=WAYS)
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    """OpenAI's own client over HTTP; its twin in process."""
    variables = {"STACK_STATE_DIR": str(tmp_path_factory.mktemp("state"))}
    with ExitStack() as opened:
        if request.param == "http":
            server = opened.enter_context(server_process("starter", variables=variables, env=without_keys()))
            made = openai.OpenAI(base_url=server.base_url, api_key="none", timeout=PATIENCE_S)
            yield opened.enter_context(made)
        else:
            yield opened.enter_context(StackAsLibraryClient("starter", env=variables, timeout=PATIENCE_S))


@pytest.mark.parametrize("attempt", range(5))
def test_every_provider_starts_every_time(tmp_path: Path, attempt: int):
    variables = {"STACK_STATE_DIR": str(tmp_path)}
    with server_process("starter", variables=variables, env={**without_keys(), "PYTHONDEVMODE": None}) as server:
        assert cpu_seconds(server.pid) < START_S
        assert httpx2.get(f"{server.origin}/v1/health/ready").json() == {"status": "ready", "providers": []}
        assert "level=error" not in server.output()
        assert "level=warning" not in server.output()


def test_from_a_pdf_to_an_answer_that_says_where_it_stands(client: openai.OpenAI):
    file = client.files.create(file=("terms.pdf", two_pages()), purpose="assistants")
    store = client.vector_stores.create(name="shop")
    added = client.vector_stores.files.create_and_poll(file.id, vector_store_id=store.id)
    assert (added.status, added.last_error) == ("completed", None)
    (best, *_) = client.vector_stores.search(store.id, query=QUESTION).data
    assert (best.filename, best.model_extra["citation"]["pages"]) == ("terms.pdf", ["page 2"])
    asked = [{"role": "system", "content": best.content[0].text}, {"role": "user", "content": QUESTION}]
    answer = client.chat.completions.create(model=MODEL, messages=asked).choices[0].message.content
    assert answer == 'The context says: "Goods can be returned within thirty days."'


def test_what_stands_far_behind_in_a_file_is_found_by_its_meaning(client: openai.OpenAI):
    told = "The key of the boathouse hangs behind the red door."
    text = "Minutes of the meeting. The budget was discussed and taken as it was. " * 35 + told
    file = client.files.create(file=("minutes.txt", text.encode()), purpose="assistants")
    store = client.vector_stores.create(name="minutes")
    added = client.vector_stores.files.create_and_poll(file.id, vector_store_id=store.id)
    assert (added.chunking_strategy.static.max_chunk_size_tokens, added.model_extra["chunks_truncated"]) == (254, 0)
    (best,) = client.vector_stores.search(store.id, query="Where can I unlock the boats?", max_num_results=1).data
    assert told in best.content[0].text


def test_larger_chunks_are_made_where_they_are_asked_for_and_told(client: openai.OpenAI):
    sizes = {"type": "static", "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 0}}
    file = client.files.create(file=("long.txt", b"The budget was discussed. " * 400), purpose="assistants")
    store = client.vector_stores.create(name="long")
    added = client.vector_stores.files.create_and_poll(file.id, vector_store_id=store.id, chunking_strategy=sizes)
    assert (added.status, added.model_extra["chunks_truncated"]) == ("completed", added.model_extra["chunks_total"])


def test_its_chunks_are_kept_by_faiss(client: openai.OpenAI):
    assert client.vector_stores.create().model_extra["provider_id"] == "faiss"
