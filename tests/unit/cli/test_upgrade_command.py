"""`stack upgrade`: what it says, and what it writes."""

from __future__ import annotations

from pathlib import Path

import pytest

OLD = """\
image_name: shop
apis: [inference, telemetry]
providers:
  inference:
  - {provider_id: vllm, provider_type: remote::vllm, config: {url: "${env.VLLM:=http://gpu/v1}", max_tokens: 1}}
  - {provider_id: pod, provider_type: remote::runpod}
server: {host: 127.0.0.1}
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.yaml"
    path.write_text(OLD)
    return path


def test_check_lists_what_has_no_counterpart_and_writes_nothing(stack, old):
    ended = stack("upgrade", "--check", "old.yaml", "--output", "run.yaml")
    assert ended.exit_code == 0
    assert "old.yaml:2:19: apis[1]: left out: this version has no API `telemetry`" in ended.stdout
    assert "providers.inference[0].config.max_tokens: left out: each request says its own" in ended.stdout
    assert ended.stdout.endswith("old.yaml: remarks: 3; problems that remain in what it comes to: 1\n")
    assert not Path("run.yaml").exists()


def test_output_is_a_file_that_loads(stack, old, monkeypatch):
    monkeypatch.setenv("RUNPOD_ENDPOINT_ID", "e")
    ended = stack("upgrade", "old.yaml", "--output", "new/run.yaml")
    assert ended.stdout.endswith("wrote new/run.yaml\n")
    assert stack("check", "new/run.yaml").exit_code == 0


def test_a_file_that_is_there_is_kept(stack, old):
    ended = stack("upgrade", "old.yaml", "--output", "old.yaml")
    assert (ended.exit_code, old.read_text()) == (2, OLD)
    assert "`old.yaml` is there already: name another file" in ended.stderr


def test_without_options_the_file_goes_to_stdout_and_the_remarks_to_stderr(stack, old):
    ended = stack("upgrade", "old.yaml")
    assert ended.stdout.startswith("version: 2\nimage_name: shop\n")
    assert "apis[1]: left out" in ended.stderr


def test_external_providers_are_declared_beside_it(stack, old):
    folder = Path("providers.d/remote/inference")
    folder.mkdir(parents=True)
    (folder / "acme.yaml").write_text("{module: acme, config_class: acme.Config, pip_packages: []}")
    entry = "  - {provider_id: acme, provider_type: remote::acme}\nserver"
    old.write_text(OLD.replace("server", entry) + "external_providers_dir: providers.d\n")
    ended = stack("upgrade", "old.yaml", "--output", "new/run.yaml")
    assert "wrote new/external_providers.py" in ended.stdout
    assert "module: external_providers" in Path("new/run.yaml").read_text()
    assert "`external_providers.py` is written only with `--output`" in stack("upgrade", "old.yaml").stderr
    Path("new/run.yaml").unlink()
    again = stack("upgrade", "old.yaml", "--output", "new/run.yaml")
    assert (again.exit_code, Path("new/run.yaml").exists()) == (2, False)
    assert "`new/external_providers.py` is there already" in again.stderr
