# Every target sets up what it needs, in $(VENV), and again only when pyproject.toml has changed.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP ?= $(BIN)/python -m pip install --quiet --disable-pip-version-check
BASE := $(VENV)/.base-installed
DEV := $(VENV)/.dev-installed
BENCH := $(VENV)/.bench-installed
STARTER := $(VENV)/.starter-installed

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test check codegen format engines natives bench bench-vectors soak fuzz clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 15

run: $(BASE) $(STARTER)  ## serve the starter distribution on 127.0.0.1:8321
	$(BIN)/stack run starter

test: $(DEV) $(STARTER)  ## run the unit and integration tests
	$(BIN)/python -m pytest

check: $(DEV) $(STARTER)  ## format, lint, types, generated files, then the tests
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/python scripts/distro_codegen.py --check
	$(BIN)/python scripts/capabilities.py --check
	$(BIN)/python scripts/examples.py --check
	$(BIN)/python -m pytest

codegen: $(DEV)  ## write the distributions and docs/providers from their sources, and what providers do from the suite
	$(BIN)/python scripts/distro_codegen.py
	$(BIN)/python scripts/capabilities.py
	$(BIN)/python scripts/examples.py

format: $(DEV)  ## format the code, and fix what the linter can
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format .

engines: $(DEV)  ## install the vector engines that tests run against; tests of missing ones are skipped
	@$(BIN)/python -m stack.testing.engines

natives: $(DEV)  ## install llama.cpp (built once) and PyTorch for the tests that run models; without them these are skipped
	@$(BIN)/python -m stack.testing.natives

bench: $(DEV) $(BENCH)  ## measure against the upstream itself, a naive proxy, and other HTTP clients
	$(BIN)/python benchmarks/bench.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/upstream_clients.py

bench-vectors: $(DEV)  ## measure the inline vector stores against their engines
	$(BIN)/python benchmarks/vector_io.py

soak: $(DEV)  ## ask 100,000 times, faults and all, and see that memory stays flat; kill -9 a writer 200 times
	$(BIN)/python benchmarks/soak.py
	STACK_KILL_LOOPS=200 $(BIN)/python -m pytest -q tests/integration/storage tests/integration/vector_io -k survives_kill_9

fuzz: $(DEV)  ## make up requests from /openapi.json for five minutes
	$(BIN)/python tests/integration/hostile/fuzz.py --seconds 300

clean:  ## remove .venv, caches and built files
	rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find src tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(BASE): pyproject.toml | $(BIN)/pip
	@echo "installing into $(VENV)"
	@$(PIP) --editable .
	@touch $@

$(DEV): pyproject.toml | $(BIN)/pip
	@echo "installing into $(VENV), with what the tests need"
	@$(PIP) --editable '.[dev]'
	@touch $@ $(BASE)

$(BENCH): $(DEV)
	@$(PIP) --editable '.[bench]'
	@touch $@

# Packages and weights of the starter's providers. A provider that lacks its own says so; the others serve.
$(STARTER): $(BASE) distributions/starter/build.yaml src/stack/registry/*.py
	@echo "installing what the starter's providers need"
	@$(BIN)/stack build --distro starter --in-place && touch $@ || \
		echo "not all of it could be installed: the next make tries again" >&2

$(BIN)/pip:
	@command -v $(PYTHON) >/dev/null || { echo "there is no '$(PYTHON)': run 'apt install python3 python3-venv'" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "stack needs Python 3.11 or newer and '$(PYTHON)' is not: name another, as in 'make run PYTHON=python3.12'" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "'$(PYTHON)' cannot make virtual environments: run 'apt install python3-venv'" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
