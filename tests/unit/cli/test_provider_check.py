"""`stack provider check`: the published suites, run by name, with a table, failures in full, and a page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stack.testing.inference.service import PlayedService
from stack.testing.thread import in_thread

MODULE = """
from stack.registry.spec import ProviderSpec
from stack.providers.inline.inference import playground
from stack.apis.wire import Reply

SPEC = ProviderSpec("inference", "inline::wrong", "Forgets the usage.", module="wrong_stack")
Config = playground.Config

class Wrong(playground.Playground):
    async def openai_chat_completion(self, request):
        answer = await super().openai_chat_completion(request)
        if request.stream:
            return answer
        return Reply.of(answer.value.model_copy(update={"usage": None}))
"""


GONE = """
import os, time
from stack.registry.spec import ProviderSpec
from stack.providers.inline.vector_io import memory

SPEC = ProviderSpec("vector_io", "inline::gone", "Ends its process.", module="gone_stack")
Config = memory.Config

class Gone(memory.Memory):
    async def delete_chunks(self, vector_store_id, chunk_ids):
        {ends}
"""


@pytest.mark.parametrize("said", ["groq", "remote::groq"])
def test_a_provider_is_examined_by_name_or_type(stack, said):
    done = stack("provider", "check", said)
    assert done.exit_code == 0, done.output
    assert "chat: stream                          pass" in done.stdout
    assert done.stdout.endswith("remote::groq: 58 passed, 0 failed, 2 not supported\n")


def test_a_module_of_ones_own_is_examined_and_its_failure_shown(stack, tmp_path, monkeypatch):
    (tmp_path / "wrong_stack.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    done = stack("provider", "check", "wrong_stack", "--page", "CAPABILITIES.md")
    sys.modules.pop("wrong_stack")
    assert done.exit_code == 1
    shown = done.stdout.partition("\n\nchat: usage: `usage` is no object\n")[2]
    assert shown.startswith('openai_chat_completion {"model": "not-an-llm", "messages": [{"role": "user"')
    assert '\n-> {"id": "chatcmpl-' in shown
    assert "| chat: usage | fail | `usage` is no object |" in Path("CAPABILITIES.md").read_text()


@pytest.mark.parametrize("ends", ["os._exit(0)", "time.sleep(600)"])
def test_a_suite_that_its_provider_ends_or_holds_up_is_no_success(stack, tmp_path, monkeypatch, ends):
    monkeypatch.setattr("stack.testing.suites.LIMIT_S", 20.0)
    (tmp_path / "gone_stack.py").write_text(GONE.format(ends=ends))
    monkeypatch.syspath_prepend(tmp_path)
    done = stack("provider", "check", "gone_stack", "--env", f"PYTHONPATH={tmp_path}")
    sys.modules.pop("gone_stack")
    assert done.exit_code == 1, done.output
    assert "the suite ended: its interpreter ended in the middle of a check, or for one of 20 seconds" in done.stdout


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (".", "no provider, installed package or module is called `.`"),
        ("os.nope", "`os.nope` cannot be imported: ModuleNotFoundError"),
        ("__main__", "`__main__` declares no provider"),
    ],
)
def test_what_is_no_provider_is_told_without_a_traceback(stack, said, message):
    done = stack("provider", "check", said)
    assert done.exit_code == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (("groq", "--model", "other"), "the service that is played has its own models"),
        (("groq", "--tell", "recall=1"), "wants to be told nothing"),
        (("inline::memory", "--recording", "taken"), "recordings and models are for inference"),
        (("inline::memory", "--model", "other"), "leave them out for `vector_io`"),
    ],
)
def test_what_would_be_ignored_is_refused(stack, said, message):
    done = stack("provider", "check", *said)
    assert done.exit_code == 2
    assert message in done.stderr


def test_options_of_ones_own_pytest_leave_no_check_out(stack, tmp_path, monkeypatch):
    (tmp_path / "gone_stack.py").write_text(GONE)
    monkeypatch.syspath_prepend(tmp_path)
    env = ("--env", f"PYTHONPATH={tmp_path}", "--env", "PYTEST_ADDOPTS=--collect-only")
    done = stack("provider", "check", "gone_stack", *env)
    sys.modules.pop("gone_stack")
    assert " pass " in done.stdout


def test_a_value_that_is_no_yaml_is_not_shown(stack):
    done = stack("provider", "check", "groq", "--set", "api_key=@canary")
    assert done.exit_code == 2
    assert "the value of `api_key` is no YAML" in done.stderr
    assert "canary" not in done.output


def test_live_answers_are_recorded_and_examined_again_without_the_service(stack):
    with in_thread(PlayedService()) as service:
        env = ("--env", f"GROQ_BASE_URL={service.base_url}", "--env", "GROQ_API_KEY=gsk-canary-0123456789")
        live = stack("provider", "check", "groq", "--live", "--record", "taken", *env)
        named = stack("provider", "check", "groq", "--live", "--model", "played-chat", *env)
    replayed = stack("provider", "check", "groq", "--recording", "taken")
    assert live.stdout.endswith("remote::groq: 58 passed, 0 failed, 2 not supported\n"), live.output
    assert named.stdout.endswith("remote::groq: 58 passed, 0 failed, 2 not supported\n"), named.output
    assert replayed.stdout.endswith("remote::groq: 58 passed, 0 failed, 2 not supported\n"), replayed.output
    written = "".join(path.read_text() for path in Path("taken").rglob("*.json"))
    assert "played-embedding" in written
    assert "canary" not in written


def test_no_pytest_is_needed():
    code = "import sys; sys.modules['pytest'] = None; from stack.cli import main; main(['provider', 'check', 'groq'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, "58 passed, 0 failed" in done.stdout) == (0, True), done.stderr


def test_what_a_recording_lacks_is_not_tried(stack):
    recordings = Path(__file__).parents[2] / "recordings/vllm"
    done = stack("provider", "check", "vllm", "--recording", str(recordings), "--model", "Qwen/Qwen3-0.6B")
    assert "chat: answer                          not tried      it is not in the recording" in done.stdout
    assert "failures: server error                pass" in done.stdout


def test_the_page_is_the_same_each_time(stack):
    Path("docs/providers").mkdir(parents=True)
    pages = []
    for _ in "12":
        assert stack("provider", "check", "inline::playground").exit_code == 0
        pages.append(Path("docs/providers/capabilities/inference_inline_playground.md").read_bytes())
    assert pages[0] == pages[1]
    assert b"| chat: stream | pass |  |" in pages[0]


def test_suites_of_other_apis_are_run_the_same_way_and_their_failures_shown(stack):
    done = stack("provider", "check", "localfs", "--tell", "memory_bytes=-1000000000000")
    assert done.exit_code == 1
    assert "\na large file takes little memory: assert " in done.stdout
    passed, failed = (int(part.split()[0]) for part in done.stdout.splitlines()[-1].split(": ")[1].split(", ")[:2])
    assert (passed > 15, failed) == (True, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("no-such-provider",), "no provider, installed package or module is called `no-such-provider`"),
        (("gorq",), "did you mean `groq`"),
        (("groq", "--api", "infrence"), "there is no API `infrence`"),
        (("groq", "--live", "--fake"), "say one of `--fake`, `--live` and `--recording`"),
        (("groq", "--record", "x"), "`--record` belongs to `--live`"),
        (("groq", "--recording", "nowhere"), "there are no recordings in `nowhere`"),
        (("groq", "--set", "no_such=1"), "no_such"),
        (("pgvector",), "say `--live`"),
    ],
)
def test_what_cannot_be_examined_is_told(stack, arguments, words):
    done = stack("provider", "check", *arguments)
    assert (done.exit_code, words in done.stderr) == (2, True), done.output


@pytest.mark.parametrize(
    ("tellings", "said"),
    [
        (
            (),
            "must know a text that the provider objects to, with its settings as `--set` says: say `--tell violating=",
        ),
        (("--tell", "voilating=x"), "the suite of `safety` knows no `voilating`: it may be told `harmless`, "),
    ],
)
def test_what_the_suite_must_know_and_may_know_is_told(stack, tellings, said):
    done = stack("provider", "check", "secrets", *tellings)
    assert (done.exit_code, said in done.stderr) == (2, True), done.stderr
