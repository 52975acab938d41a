"""Which modules are blocked for which packages."""

from __future__ import annotations

from stack.distribution.import_guard import base_install, blocked_modules


def test_the_base_install_is_what_our_own_requirements_bring():
    assert {"stack", "pydantic", "pydantic-core", "uvicorn", "openai"} <= base_install()
    assert not {"pytest", "mypy", "ruff"} & base_install()


def test_a_package_is_blocked_by_the_modules_that_it_installs():
    blocked = blocked_modules(["pytest>=9,<10", "no-such.package[extra]==1"])
    assert {"_pytest": "pytest", "pytest": "pytest", "no_such_package": "no-such.package"}.items() <= blocked.items()


def test_what_the_base_install_brings_is_not_blocked():
    assert blocked_modules(["uvicorn>=4", "PyYAML"]) == {}
