"""A stack that is built is the same tomorrow, elsewhere and offline, or it is not built."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from wheel_index import WheelIndex, wheel

from stack.build.lock_text import lock_text
from stack.build.resolving import resolve
from stack.build.wanted import Wanted
from stack.venv import alone_in

MADE = Path("made")
LOCK = MADE / "pylock.toml"
HASH = "--hash=sha256:"


def installed() -> set[str]:
    """What an environment holds."""
    found = MADE.glob("venv/lib/python3*/site-packages/*.dist-info")
    return {path.name.removesuffix(".dist-info") for path in found}


def locked() -> dict[str, dict[str, object]]:
    return {package["name"]: package for package in tomllib.loads(LOCK.read_text())["packages"]}


@pytest.fixture
def small(index, build_yaml):
    """A stack of one provider that needs `x`, which needs `y`."""
    index.add("x", requires=["y>=1"])
    index.add("y")
    return build_yaml(a={"packages": ("x",)})


def test_an_environment_holds_exactly_what_the_providers_need(stack, small, index):
    index.add("bystander")
    ended = stack("build", "--config", small)
    assert ended.exit_code == 0, ended.output
    assert installed() == {"stack-9", "acme-1", "x-1", "y-1"}
    assert ended.stdout == "made/venv/bin/stack run made/run.yaml\n"
    said = subprocess.run(ended.stdout.split(), capture_output=True, text=True, check=True).stdout
    assert said == "served run made/run.yaml\n"


def test_the_size_of_the_download_is_told_before_it(stack, small, index):
    index.add("x", "2", requires=["y>=1"], files={"x.py": "#" * 1_500_000})
    ended = stack("build", "--config", small)
    assert "4 packages, 1.5 MB; to download: 3, 1.5 MB; a new pylock.toml" in ended.stderr
    assert (
        "4 packages, 1.5 MB; to download: 0; as pylock.toml says" in stack("build", "--config", small, "--force").stderr
    )


def test_the_same_lock_twice_is_byte_equal_though_newer_versions_came_out(stack, small, index):
    stack("build", "--config", small)
    first = LOCK.read_bytes()
    index.add("y", "2")
    assert stack("build", "--config", small, "--force").exit_code == 0
    assert LOCK.read_bytes() == first
    assert "y-1" in installed()


@pytest.mark.parametrize(("made_for", "built_with", "holds_for"), [("3.9", "3.10", "3.9"), ("3.10", "3.9", "3.9")])
def test_two_pythons_share_the_lock_of_the_older(stack, index, tmp_path, made_for, built_with, holds_for):
    index.add("x")
    parties, locks = [Wanted("`remote::a`", ("x",))], []
    for python in (made_for, built_with, made_for):
        locks.append(resolve(parties, tmp_path, previous=tmp_path / "kept", python=python))
        (tmp_path / "kept").write_text(lock_text(locks[-1]))
    assert locks[-1] == locks[-2]
    assert locks[-1].requires_python == f">={holds_for}"


def test_an_upgrade_takes_the_newer_versions(stack, small, index):
    stack("build", "--config", small)
    index.add("y", "2")
    ended = stack("build", "--config", small, "--force", "--upgrade")
    assert "pylock.toml changes: y 1 -> 2" in ended.stderr
    assert "y-2" in installed()


def test_another_provider_leaves_the_other_versions_as_they_are(stack, small, index, build_yaml):
    stack("build", "--config", small)
    index.add("y", "2")
    index.add("z")
    build_yaml(a={"packages": ("x",)}, b={"packages": ("z",)})
    Path("made/run.yaml").unlink()
    assert stack("build", "--config", small, "--force").exit_code == 0
    assert installed() == {"stack-9", "acme-1", "x-1", "y-1", "z-1"}


def test_nothing_written_tells_which_index_answered(stack, small, index):
    stack("build", "--config", small)
    written = [path for path in MADE.rglob("*") if path.is_file() and "venv" not in path.parts]
    words = (index.authority.encode(), b"canary-password", b"someone")
    assert LOCK in written
    assert not [path for path in written if any(word in path.read_bytes() for word in words)]


def test_the_lock_is_understood_by_other_programs(stack, small, index, tmp_path):
    stack("build", "--config", small)
    text = LOCK.read_text().replace("https://files.pythonhosted.org/packages/py3", "https://files.example")
    for name in ("x", "y", "acme"):
        text = text.replace(f"https://files.example/{name[0]}/{name}/", f"http://{index.authority}/files/")
    LOCK.write_text(text)
    command = ["uv", "pip", "install", "--target", str(tmp_path / "elsewhere"), "-r", "pylock.toml"]
    subprocess.run([sys.executable, "-m", *command], cwd=MADE, check=True, capture_output=True)
    assert (tmp_path / "elsewhere/y.py").is_file()


def test_a_rebuild_needs_no_index(stack, small, index):
    stack("build", "--config", small)
    before = len(index.asked)
    ended = stack("build", "--config", small, "--force", "--offline")
    assert ended.exit_code == 0, ended.output
    assert installed() == {"stack-9", "acme-1", "x-1", "y-1"}
    assert len(index.asked) == before


def test_offline_without_a_cache_says_what_to_do(stack, small):
    ended = stack("build", "--config", small, "--offline")
    assert ended.exit_code == 1
    assert "build once without `--offline`" in ended.stderr
    assert not (MADE / "venv").exists()


@pytest.mark.parametrize("options", [(), ("--offline",)])
def test_a_plan_touches_nothing(stack, small, options):
    if options:
        stack("build", "--config", small, "--output-dir", "elsewhere")
    ended = stack("build", "--config", small, "--plan", *options)
    assert ended.exit_code == 0, ended.output
    assert "4 packages" in ended.stdout
    assert "`remote::a` (inference)" in ended.stdout
    assert [path.name for path in MADE.iterdir()] == ["build.yaml"]


def test_a_file_that_is_not_the_one_of_the_lock_leaves_the_old_environment(stack, small, index, tmp_path):
    stack("build", "--config", small)
    before = {path: path.read_bytes() for path in MADE.glob("*.*")}
    index.corrupt("y")
    subprocess.run(["rm", "-r", tmp_path / "uv"], check=True)
    ended = stack("build", "--config", small, "--force")
    assert ended.exit_code == 1
    assert installed() == {"stack-9", "acme-1", "x-1", "y-1"}
    assert {path: path.read_bytes() for path in MADE.glob("*.*")} == before
    made = ["build.yaml", "pylock.toml", "run.schema.json", "run.yaml", "venv", "wheels"]
    assert sorted(path.name for path in MADE.iterdir()) == made


def test_a_failed_first_build_leaves_nothing(stack, small, index):
    index.corrupt("y")
    assert stack("build", "--config", small, "--output-dir", "fresh").exit_code == 1
    assert not Path("fresh").exists()


def test_a_conflict_names_the_two_providers_at_fault(stack, index, build_yaml):
    for version in ("1", "2"):
        index.add("x", version)
    index.add("innocent")
    path = build_yaml(a={"packages": ("x<2",)}, b={"packages": ("innocent",)}, c={"packages": ("x>=2",)})
    ended = stack("build", "--config", path)
    assert ended.exit_code == 2
    assert "`remote::a` (inference) and `remote::c` (inference) cannot be installed together" in ended.stderr
    assert "remote::b" not in ended.stderr
    assert "x<2" in ended.stderr


def test_a_package_that_nobody_has_names_the_provider_that_wants_it(stack, build_yaml):
    ended = stack("build", "--config", build_yaml(a={"packages": ("no-such-package",)}, b={}))
    assert "what `remote::a` (inference) needs cannot be installed" in ended.stderr
    assert "no-such-package was not found" in ended.stderr


def test_an_index_that_does_not_answer_is_no_conflict(stack, small, monkeypatch):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    ended = stack("build", "--config", small)
    assert ended.exit_code == 1
    assert "the packages could not be looked up: " in ended.stderr


def test_what_is_wanted_without_its_dependencies_is_locked_too(stack, index, build_yaml):
    index.add("heavy", requires=["no-such-package"])
    stack("build", "--config", build_yaml(a={"packages_no_deps": ("heavy==1",)}))
    assert installed() == {"stack-9", "acme-1", "heavy-1"}
    assert locked()["heavy"]["wheels"]


def test_a_hash_of_a_row_is_held_against_the_index(stack, index, build_yaml):
    index.add("heavy")
    row = {"packages_no_deps": (f"heavy==1 {HASH}{'0' * 64}",)}
    ended = stack("build", "--config", build_yaml(a=row))
    assert ended.exit_code == 2
    assert "`heavy` 1 of the index is not the file that its row names by hash" in ended.stderr


def test_an_override_wins_over_what_a_package_declares(stack, index, build_yaml):
    index.add("x", requires=["y<2"])
    index.add("y")
    index.add("y", "2")
    stack("build", "--config", build_yaml(a={"packages": ("x",), "overrides": ("y>=2",)}))
    assert "y-2" in installed()


def test_an_index_of_a_row_gives_its_packages_and_no_others(stack, index, build_yaml):
    index.add("y")
    with WheelIndex() as other:
        other.add("x", "1+cpu", requires=["y"])
        other.add("y", "666")
        ended = stack("build", "--config", build_yaml(a={"from_index": (("x", other.url),)}))
        assert ended.exit_code == 0, ended.output
        assert locked()["x"]["index"] == other.url
    assert installed() == {"stack-9", "acme-1", "x-1+cpu", "y-1"}


def test_two_platforms_are_locked_at_once(stack, index, build_yaml):
    index.add("x", requires=["only-mac ; sys_platform == 'darwin'", "only-linux ; sys_platform == 'linux'"])
    for name, tag in (("only-mac", "py3-none-macosx_11_0_arm64"), ("only-linux", "py3-none-any")):
        index.add(name, tag=tag)
    stack("build", "--config", build_yaml(a={"packages": ("x",)}))
    assert {"only-mac", "only-linux"} <= locked().keys()
    assert "only_mac-1" not in installed()


def test_a_file_of_ones_own_is_locked_as_a_wheel(stack, build_yaml):
    file, content = wheel("mine")
    path = build_yaml(f"additional_pip_packages: [./{file}]\n", a={})
    (MADE / file).write_bytes(content)
    stack("build", "--config", path)
    assert "mine-1" in installed()
    assert locked()["mine"]["archive"]["path"].startswith("wheels/")


def test_wheels_of_ones_own_stay_where_they_are(stack, build_yaml):
    file, content = wheel("mine")
    path = build_yaml(f"additional_pip_packages: [./wheels/own/{file}]\n", a={})
    (MADE / "wheels/own").mkdir(parents=True)
    (MADE / "wheels/own" / file).write_bytes(content)
    assert stack("build", "--config", path).exit_code == 0
    assert (MADE / "wheels/own" / file).read_bytes() == content


def test_what_a_killed_build_left_of_a_wheel_is_made_whole(stack, small):
    stack("build", "--config", small)
    (own,) = (MADE / "wheels").glob("*/*.whl")
    own.rename(own.with_name(f"{own.name}.part"))
    ended = stack("build", "--config", small, "--force")
    assert ended.exit_code == 0, ended.output
    assert [each.name for each in own.parent.iterdir()] == [own.name]


def test_a_lock_of_another_program_is_set_aside(stack, small):
    LOCK.write_text("theirs")
    assert stack("build", "--config", small).exit_code == 0
    assert LOCK.with_name("pylock.toml.old").read_text() == "theirs"
    assert locked()


def test_a_second_build_touches_nothing_while_another_is_at_work(stack, small):
    with alone_in(MADE):
        ended = stack("build", "--config", small)
    assert ended.exit_code == 2
    assert "another build is at work" in ended.stderr
    assert [path.name for path in MADE.iterdir()] == ["build.yaml"]


@pytest.mark.parametrize("saved", [b"\xef\xbb\xbf", b"\xff"])
def test_a_run_yaml_in_another_encoding_is_kept(stack, small, saved):
    Path("other").mkdir()
    Path("other/run.yaml").write_bytes(saved)
    ended = stack("build", "--config", small, "--output-dir", "other")
    assert ended.exit_code == 0, ended.output
    assert Path("other/run.yaml").read_bytes() == saved
    assert Path("other/run.yaml.new").is_file()


def test_a_stack_that_is_built_elsewhere_is_built_from_there_again(stack, build_yaml):
    file, content = wheel("mine")
    path = build_yaml(f"additional_pip_packages: [./{file}]\n", a={})
    (MADE / file).write_bytes(content)
    stack("build", "--config", path, "--output-dir", "deep/other")
    ended = stack("build", "--config", "deep/other/build.yaml", "--plan")
    assert ended.exit_code == 0, ended.output


def test_run_serves_what_was_built(stack, small, own_wheel):
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))}
    command = [sys.executable, "-m", "stack", "build", "--config", small, "--run"]
    said = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    assert said == "served run made/run.yaml\n"
