"""From where a package is installed again, and what of it may stand in a lock."""

from __future__ import annotations

import pytest
from wheel_index import wheel

from stack.build.origin import as_requirement, own_requirement, requirement_for_module, without_credentials
from stack.errors import ConfigError
from stack.version import __version__

# Writes the time of the build into the wheel unless it is told another one, as setuptools does.
BACKEND = """\
import os, time, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "acme-1-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr(zipfile.ZipInfo("acme.py"), os.environ.get("SOURCE_DATE_EPOCH") or str(time.time_ns()))
    return name
"""


@pytest.mark.parametrize(
    ("record", "requirement"),
    [
        (None, f"stack=={__version__}"),
        ('{"url": "file:///", "dir_info": {"editable": true}}', "/"),
        ('{"url": "https://me:secret@a.example/s.whl", "archive_info": {}}', "stack @ https://a.example/s.whl"),
        (
            '{"url": "https://secret@a.example/s", "vcs_info": {"vcs": "git", "commit_id": "abc"}}',
            "stack @ git+https://a.example/s@abc",
        ),
        (
            '{"url": "ssh://git@a.example/s", "vcs_info": {"vcs": "git", "commit_id": "abc"}, "subdirectory": "in/it"}',
            "stack @ git+ssh://git@a.example/s@abc#subdirectory=in/it",
        ),
    ],
)
def test_this_package_is_installed_again_from_where_it_came(installed, record, requirement):
    installed("stack", record=record)
    assert own_requirement() == requirement


def test_a_source_that_is_gone_is_named(installed):
    installed("stack", record='{"url": "file:///no/such%20folder", "dir_info": {}}')
    with pytest.raises(ConfigError, match="`/no/such folder`, which is gone"):
        own_requirement()


def test_a_module_leads_to_its_package(installed):
    installed("acme", "3", module="X = 1\n")
    assert requirement_for_module("acme.provider") == "acme==3"
    assert requirement_for_module("no_such_module") is None


def test_a_wheel_is_kept_under_a_name_that_follows_from_its_content(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    for folder, text in ((first, "x = 1\n"), (second, "x = 2\n")):
        folder.mkdir()
        (folder / wheel("acme")[0]).write_bytes(wheel("acme", files={"acme.py": text})[1])
    found = [as_requirement(str(folder / wheel("acme")[0]), tmp_path, offline=True) for folder in (first, second)]
    assert all(each.startswith(f"acme @ {(tmp_path / 'wheels').as_uri()}/") for each in found)
    assert found[0] != found[1]


def test_a_folder_gives_the_same_wheel_each_time(tmp_path, monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    source = tmp_path / "source"
    source.mkdir()
    (source / "backend.py").write_text(BACKEND)
    told = 'requires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    (source / "pyproject.toml").write_text(f'[build-system]\n{told}[project]\nname = "acme"\nversion = "1"\n')
    found = [as_requirement(str(source), tmp_path, offline=True) for _ in range(2)]
    assert found[0] == found[1]


@pytest.mark.parametrize("requirement", ["numpy>=2", "acme @ https://a.example/acme-1-py3-none-any.whl"])
def test_a_requirement_stays_as_it_is(tmp_path, requirement):
    assert as_requirement(requirement, tmp_path, offline=True) == requirement


def test_what_is_neither_a_requirement_nor_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"`\./no-such` is neither a requirement nor a file or folder"):
        as_requirement("./no-such", tmp_path, offline=True)


def test_a_url_loses_its_user_and_password():
    assert without_credentials("https://me:pw@a.example:8/x?y=1") == "https://a.example:8/x?y=1"


def test_ssh_keeps_the_user_that_it_asks_for():
    assert without_credentials("git+ssh://git:pw@a.example/x") == "git+ssh://git@a.example/x"
