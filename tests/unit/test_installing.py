"""The `pip install` lines that a set of requirements comes to."""

from __future__ import annotations

from stack.installing import installs


def test_nothing_is_run_for_nothing():
    assert installs(()) == []


def test_packages_of_an_index_come_first_and_their_dependencies_from_elsewhere():
    lines = [str(each) for each in installs(("numpy",), from_index=(("torch>=2", "https://wheels.example/cpu"),))]
    assert lines == [
        "pip install --index-url https://wheels.example/cpu --no-deps 'torch>=2'",
        "pip install numpy 'torch>=2'",
    ]


def test_a_hash_is_demanded_where_there_is_one():
    unhashed, hashed = installs((), ("plain", f"pinned==1 --hash=sha256:{'0' * 64}"))
    assert str(unhashed) == "pip install --no-deps plain"
    assert str(hashed).endswith("| pip install --no-deps --require-hashes -r /dev/stdin")
