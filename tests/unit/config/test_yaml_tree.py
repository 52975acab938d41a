from pathlib import Path

import pytest

from stack.config.report import Report
from stack.config.yaml import MAX_BYTES, Scalar, Section, compose, read_text
from stack.errors import BadConfig

LAUGHS = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 11))


def tree(text: str) -> Section:
    report = Report("f")
    root = compose(text, report)
    report.check()
    assert isinstance(root, Section)
    return root


def text_at(root: Section, key: str) -> str:
    node = root.get(key)
    assert isinstance(node, Scalar)
    return node.text


def messages(text: str) -> str:
    with pytest.raises(BadConfig) as caught:
        tree(text)
    return str(caught.value)


@pytest.mark.parametrize("text", ["007", "1.10", "yes", "2024-01-01", "1e5", "0x1F", "null", "12:30", "~"])
def test_a_scalar_stays_the_text_that_is_written(text: str):
    assert text_at(tree(f"key: {text}"), "key") == text


def test_keys_and_values_know_where_they_stand():
    entry = tree("a: 1\nb:\n  ü: two").entries["b"]
    assert isinstance(entry.node, Section)
    assert entry.key_at == (2, 1)
    assert entry.node.entries["ü"].key_at == (3, 3)
    assert entry.node.entries["ü"].node.at == (3, 6)


def test_merge_keys_fill_in_what_is_not_written():
    root = tree("x: &x {k: 1, l: 1}\ny: &y {l: 2, m: 2}\nz: {<<: [*x, *y], k: 3}")
    z = root.get("z")
    assert isinstance(z, Section)
    assert {key: text_at(z, key) for key in z.entries} == {"k": "3", "l": "1", "m": "2"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "f:3:1: a: duplicate key `a`, first on line 1"),
        ("s:\n- {b: 1, b: 2}", "f:2:10: s[0].b: duplicate key `b`, first on line 2"),
        ("a: !!python/object/apply:os.system [id]", "f:1:4: a: YAML tags"),
        ("a: !secret x", "f:1:4: a: YAML tags"),
        ("a: [1,\nb: }", "f:2:4: not valid YAML: did not find expected node content"),
        ("a: 'open", "not valid YAML: found unexpected end of stream"),
        ("a:\n\tb: 1", "f:2:1: not valid YAML: found character that cannot start any token"),
        ("ü: \x01", "f:1:4: not valid YAML: control characters are not allowed"),
        ("a: 1\n---\nb: 2", "f:2:1: a second document starts here"),
        ("a: *nowhere", "f:1:4: alias `*nowhere` has no finished anchor"),
        ("a: &a [*a]", "f:1:8: alias `*a` has no finished anchor"),
        ("a: {<<: text}", "f:1:9: `<<` takes an alias of a mapping"),
        ("? [a]\n: b", "f:1:3: a key must be text"),
        ("a: {{ x }}", "f:1:5: a key must be text"),
        ("a: &a 1\nb: [" + ", ".join(["*a"] * 101) + "]", "over 100 aliases"),
        ("a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + LAUGHS, "aliases that stand for too much"),
        ("[" * 1000, "f:1:66: nested more than 64 levels deep"),
        (f"a: &a {'[' * 40}{']' * 40}\nb: {'[' * 40}*a{']' * 40}", "f:2:44: nested more than 64 levels deep"),
        ("a: " + "x" * MAX_BYTES, "f: larger than 1 MiB"),
    ],
)
def test_bad_yaml_is_told_where_it_stands(text: str, message: str):
    assert message in messages(text)


def test_a_hundred_aliases_are_fine():
    assert "b" in tree("a: &a 1\nb: [" + ", ".join(["*a"] * 100) + "]").entries


def test_an_empty_document_is_no_tree():
    assert compose("# nothing\n", Report("f")) is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a: 1\nb: caf\xe9", ":2:7: not UTF-8"),
        ("a: 1".encode("utf-16"), ":1:1: not UTF-8"),
        (b"#" * (MAX_BYTES + 1), ": larger than 1 MiB"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, data: bytes, message: str):
    path = tmp_path / "run.yaml"
    path.write_bytes(data)
    with pytest.raises(BadConfig, match=message):
        read_text(path, Report(str(path)))


def test_a_byte_order_mark_is_no_text(tmp_path: Path):
    path = tmp_path / "run.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1")
    assert read_text(path, Report("f")) == "a: 1"


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_a_path_that_cannot_be_read_is_one_line(tmp_path: Path, name: str):
    with pytest.raises(BadConfig, match=r"cannot be read \(.*\): check the path"):
        read_text(tmp_path / name, Report(name))
