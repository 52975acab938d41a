from __future__ import annotations

import json
import subprocess
import sys

import pytest

import stack

IMPORTED = (
    "import json, sys; before = set(sys.modules); import stack; print(json.dumps(sorted(set(sys.modules) - before)))"
)


def test_importing_the_package_loads_nothing_but_its_version():
    ran = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True, timeout=60)
    ours = [name for name in json.loads(ran.stdout) if name.partition(".")[0] == "stack"]
    foreign = {name.partition(".")[0] for name in json.loads(ran.stdout)} - {"stack"} - sys.stdlib_module_names
    assert (ours, foreign) == (["stack", "stack.version"], set())


@pytest.mark.parametrize("name", stack.__all__)
def test_every_public_name_is_there(name):
    assert getattr(stack, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="`Stak`"):
        assert stack.Stak
