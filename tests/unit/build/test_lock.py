"""Locks: the same bytes each time, no word of the index that answered, and what they tell an installer."""

from __future__ import annotations

import tomllib

import pytest

from stack.build.lock import LOCK, Lock, Package, lock_from, read_lock
from stack.build.lock_text import lock_text

DIGEST, OTHER = "a" * 64, "b" * 64
LAID_OUT = f"aa/bb/{'c' * 60}/acme-1-py3-none-any.whl"
TORCH = "https://wheels.example/cpu"
RESOLVED = """\
lock-version = "1.0"
requires-python = ">=3.11"
[[packages]]
name = "acme"
version = "1"
marker = "sys_platform == 'linux'"
wheels = [{{ url = "{url}", upload-time = 2026-01-01T00:00:00Z, size = 7, hashes = {{ sha256 = "{digest}" }} }}]
[[packages]]
name = "torch"
version = "2"
sdist = {{ url = "https://me:secret@wheels.example/torch-2.tar.gz", hashes = {{ sha256 = "{digest}" }} }}
[[packages]]
name = "forked"
vcs = {{ type = "git", url = "https://secret@git.example/forked", commit-id = "abc" }}
[[packages]]
name = "stack"
version = "9"
archive = {{ path = "{staging}/wheels/00/stack-9-py3-none-any.whl", hashes = {{ sha256 = "{digest}" }} }}
"""


STRAY = 'requires-python = ">=3.11"\npackages = ["x"]\n[tool.stack]\ninputs = "i"\n'


@pytest.fixture
def made(tmp_path):
    """`made(url)`: the lock of four packages, the first one found at `url`."""
    (tmp_path / "wheels/00").mkdir(parents=True)
    (tmp_path / "wheels/00/stack-9-py3-none-any.whl").write_bytes(b"12345")

    def made(url: str = f"https://mirror.example/packages/{LAID_OUT}"):
        resolved = RESOLVED.format(url=url, digest=DIGEST, staging=tmp_path)
        return lock_from(resolved, "inputs", tmp_path, {"torch": TORCH})

    return made


def test_a_lock_is_read_as_it_was_written(made, tmp_path):
    (tmp_path / LOCK).write_text(lock_text(made()))
    assert read_lock(tmp_path / LOCK) == made()


def test_the_text_is_toml_of_the_documented_form(made):
    data = tomllib.loads(lock_text(made()))
    assert data["lock-version"] == "1.0"
    assert data["packages"][0]["wheels"][0] == {
        "name": "acme-1-py3-none-any.whl",
        "url": f"https://files.pythonhosted.org/packages/{LAID_OUT}",
        "size": 7,
        "hashes": {"sha256": DIGEST},
    }
    assert data["packages"][3]["archive"] == {
        "path": "wheels/00/stack-9-py3-none-any.whl",
        "size": 5,
        "hashes": {"sha256": DIGEST},
    }


@pytest.mark.parametrize(
    ("url", "named"),
    [
        (f"https://files.pythonhosted.org/packages/{LAID_OUT}", LAID_OUT),
        (f"http://me:pw@10.0.0.7:8081/repository/packages/{LAID_OUT}#sha256=x", LAID_OUT),
        ("http://mirror.example/acme/1/acme-1-py3-none-any.whl", "py3/a/acme/acme-1-py3-none-any.whl"),
        ("file:///wheels/acme-1-cp311-cp311-linux_x86_64.whl", "cp311/a/acme/acme-1-cp311-cp311-linux_x86_64.whl"),
        ("https://mirror.example/acme-1.tar.gz", "source/a/acme/acme-1.tar.gz"),
    ],
)
def test_files_are_named_as_on_pypi_whichever_index_answered(made, url, named):
    text = lock_text(made(url))
    assert f'"https://files.pythonhosted.org/packages/{named}"' in text
    assert not [word for word in ("mirror.example", "10.0.0.7", "file:", "secret", "upload-time") if word in text]


def test_an_index_that_a_row_names_stays(made):
    (torch,) = [package for package in made().packages if package.name == "torch"]
    assert torch.index == TORCH
    assert torch.sdist.url == "https://wheels.example/torch-2.tar.gz"


def test_each_index_is_asked_for_its_own_packages(made, tmp_path):
    plain, indexed, by_revision = made().installs(tmp_path)
    assert plain.requirements == (
        f"acme==1 ; sys_platform == 'linux' --hash=sha256:{DIGEST}",
        f"stack @ {(tmp_path / 'wheels/00/stack-9-py3-none-any.whl').as_uri()} --hash=sha256:{DIGEST}",
    )
    assert (plain.index, indexed.index) == (None, TORCH)
    assert indexed.arguments == ("--no-deps", "--require-hashes", "-r", "/dev/stdin")
    assert by_revision.requirements == ("forked @ git+https://git.example/forked@abc",)


def test_a_package_within_a_repository_is_installed_from_there(tmp_path):
    vcs = {"type": "git", "url": "https://git.example/f", "commit-id": "abc", "subdirectory": "in/it"}
    (install,) = Lock("inputs", ">=3.11", (Package("forked", None, vcs=vcs),)).installs(tmp_path)
    assert install.requirements == ("forked @ git+https://git.example/f@abc#subdirectory=in/it",)


@pytest.mark.parametrize("python", ["", 'requires-python = "==3.*"', "requires-python = 3"])
def test_a_lock_for_no_python_that_we_would_name_is_none(made, tmp_path, python):
    text = lock_text(made()).replace('requires-python = ">=3.11"', python)
    (tmp_path / LOCK).write_text(text)
    assert read_lock(tmp_path / LOCK) is None


@pytest.mark.parametrize("text", ["", "not toml", 'lock-version = "1.0"\n', "\xff", STRAY])
def test_what_is_no_lock_of_ours_is_none(tmp_path, text):
    (tmp_path / LOCK).write_bytes(text.encode("latin-1"))
    assert read_lock(tmp_path / LOCK) is None
