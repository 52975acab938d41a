"""Which files a path stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.client.sources import find_sources


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("a.md", "b.txt", ".hidden.md", "sub/c.md", "sub/.git/d.md", "sub/deep/e.txt"):
        path = tmp_path / "d" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    monkeypatch.chdir(tmp_path)
    return Path("d")


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ({}, ["d/a.md", "d/b.txt"]),
        ({"recursive": True}, ["d/a.md", "d/b.txt", "d/sub/c.md", "d/sub/deep/e.txt"]),
        ({"recursive": True, "include": ["*.md"]}, ["d/a.md", "d/sub/c.md"]),
        ({"recursive": True, "exclude": ["sub/*"]}, ["d/a.md", "d/b.txt"]),
        ({"recursive": True, "include": ["*.md"], "exclude": ["a.*"]}, ["d/sub/c.md"]),
        ({"include": ["*.pdf"]}, []),
    ],
)
def test_a_folder_stands_for_the_files_that_are_wanted(folder, options, keys):
    assert [source.key for source in find_sources([folder], **options)] == keys


def test_a_file_that_is_named_is_wanted_whatever_its_name(folder):
    found = find_sources([folder / ".hidden.md"], include=["*.txt"])
    assert [(source.key, source.path.read_text()) for source in found] == [("d/.hidden.md", ".hidden.md")]


def test_each_file_comes_once_however_it_is_said(folder):
    found = find_sources([folder, Path("./d/../d/a.md"), folder / "a.md"])
    assert [source.key for source in found] == ["d/a.md", "d/b.txt"]


def test_links_to_folders_are_not_followed(folder):
    (folder / "loop").symlink_to(folder.resolve())
    assert len(find_sources([folder], recursive=True)) == 4
