# The one entrance. `make` alone lists what there is.
#
# Two stamps keep a second run short and offline: .venv/.ready (tools are installed as the lock says) and .venv/.built
# (the wheel in dist/ is the sources' and is the one that .venv has).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(BIN)/python
READY := $(VENV)/.ready
BUILT := $(VENV)/.built
# Wheels of the few pure packages that the tests need, for throwaway environments without a network.
WHEELS := $(VENV)/wheels

# The environment the tools run in is .venv and nothing else: no user site, no PYTHONPATH of the caller.
export PYTHONNOUSERSITE := 1
unexport PYTHONPATH PYTHONHOME PYTHONWARNINGS VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK := 1

PIP := $(PYTHON) -m pip --quiet
CARGO := cargo
say = @printf '\033[1m%s\033[0m\n' "$(1)"

# Directories count too: their time changes when a file is removed.
SOURCES := $(shell find src python -name __pycache__ -prune -o -print 2>/dev/null) \
	Cargo.toml Cargo.lock pyproject.toml README.md LICENSE-MIT LICENSE-APACHE

.PHONY: help
help: ## list the targets
	@printf 'make <target>:\n'
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{printf "%-15s%s\n", $$1, $$2}'

# --- the environment -------------------------------------------------------------------------------------------------

.PHONY: setup
setup: $(READY) ## check the tools, make .venv as the lock says, fetch the crates (needs a network, once)

$(READY): requirements-dev.txt requirements-test.txt Cargo.lock scripts/setup.sh
	$(call say,setup: $(VENV) from requirements-dev.txt; the crates of Cargo.lock)
	@scripts/setup.sh $(VENV)
	@touch $@

.PHONY: lock
lock: ## pin requirements-*.in anew, for Python 3.11 and later (needs uv and a network)
	$(call say,lock: requirements-test.txt and requirements-dev.txt)
	@compile() { uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-find-links "$$@"; }; \
	compile requirements-test.in --output-file requirements-test.txt; \
	compile requirements-dev.in --constraint requirements-test.txt --output-file requirements-dev.txt

# --- build and show --------------------------------------------------------------------------------------------------

.PHONY: build
build: $(BUILT) ## build the release wheel into dist/ and install it in .venv

$(BUILT): $(READY) $(SOURCES)
	$(call say,build: the release wheel; this takes a minute or two when it is the first)
	@rm -f dist/fanin-*.whl
	@$(PYTHON) -m maturin build --quiet --locked --out dist --interpreter $(PYTHON)
	@$(PIP) install --no-index --no-deps --force-reinstall dist/fanin-*.whl
	@touch $@

.PHONY: demo
demo: $(BUILT) ## answer the article: the table, out/article.png, out/article.json
	$(call say,demo: fanin article --quick --out out)
	@$(BIN)/fanin article --quick --out out

# --- tests -----------------------------------------------------------------------------------------------------------

.PHONY: test
test: lint test-rust test-python ## everything that must hold: lint, cargo test, pytest with the notebooks

.PHONY: test-rust
test-rust: $(READY) ## cargo test, with no Python in the graph
	$(call say,test-rust: cargo test)
	@$(CARGO) test --quiet --locked --features rivals

.PHONY: test-python
test-python: $(BUILT) ## pytest, and the notebooks in a real kernel
	$(call say,test-python: pytest)
	@$(PYTHON) -m pytest

.PHONY: lint
lint: lint-rust lint-python stubtest ## formats, lints, types and stubs, Rust and Python

.PHONY: lint-rust
lint-rust: $(READY) ## cargo fmt, clippy without and with Python, rustdoc's links
	$(call say,lint-rust: cargo fmt --check; clippy without and with Python; cargo doc)
	@$(CARGO) fmt --check
	@$(CARGO) clippy --quiet --locked --all-targets -- -D warnings
	@$(CARGO) clippy --quiet --locked --all-targets --features python,rivals -- -D warnings
	@RUSTDOCFLAGS='-D warnings' $(CARGO) doc --quiet --locked --no-deps --features python,rivals

.PHONY: lint-python
lint-python: $(READY) ## ruff and mypy
	$(call say,lint-python: ruff and mypy --strict)
	@$(PYTHON) -m ruff check --quiet
	@$(PYTHON) -m ruff format --check --quiet
	@$(PYTHON) -m mypy --no-error-summary

.PHONY: stubtest
stubtest: $(BUILT) ## the stubs against the built module
	$(call say,stubtest: the stubs against the built module)
	@$(PYTHON) -m mypy.stubtest fanin --concise --mypy-config-file pyproject.toml --allowlist tests/stubtest-allowlist.txt

.PHONY: pythons
pythons: $(BUILT) ## the one wheel on every Python from 3.11 on that is found
	$(call say,pythons: the wheel in dist/ on every Python found)
	@scripts/pythons.sh dist/fanin-*.whl $(WHEELS)

.PHONY: loom
loom: $(READY) ## every interleaving of the queues' models, at preemption bound 2
	$(call say,loom: the models of tests/loom.rs)
	@RUSTFLAGS='--cfg fanin_loom' $(CARGO) test --quiet --locked --release --target-dir target/loom --test loom

.PHONY: prove
prove: $(BUILT) ## the long proofs: all sizes, many seeds, slow strategies
	$(call say,prove: the long tests of cargo and pytest)
	@FANIN_PROVE=1 $(CARGO) test --quiet --locked --features rivals --lib --tests -- --ignored
	@FANIN_PROVE=1 $(PYTHON) -m pytest -o timeout=3600 -o faulthandler_timeout=3660

# --- the rest --------------------------------------------------------------------------------------------------------

.PHONY: notebooks
notebooks: $(BUILT) ## execute notebooks/*.py in full and write the .ipynb beside each
	$(call say,notebooks: executing in full)
	@$(PYTHON) scripts/execute_notebooks.py

.PHONY: bench
bench: $(BUILT) ## the native benchmarks, and every strategy beside the ceiling (some minutes)
	$(call say,bench: cargo bench; fanin bench)
	@$(CARGO) bench --quiet --locked
	@$(BIN)/fanin bench

STRATEGY ?= lanes/batch
.PHONY: flamegraph
flamegraph: $(READY) ## where a strategy's time goes: make flamegraph STRATEGY=swap/batch (needs perf)
	$(call say,flamegraph: $(STRATEGY))
	@scripts/flamegraph.sh $(STRATEGY)

.PHONY: bench-lab
bench-lab: $(BUILT) ## can the lab be believed here: identical arms, and arms that differ twofold (some minutes)
	$(call say,bench-lab: benches/lab_believes.py)
	@$(PYTHON) benches/lab_believes.py

.PHONY: fmt
fmt: $(READY) ## format and mend what can be mended
	$(call say,fmt: cargo fmt; ruff)
	@$(CARGO) fmt
	@$(PYTHON) -m ruff check --quiet --fix
	@$(PYTHON) -m ruff format --quiet

.PHONY: clean
clean: ## remove everything that was made here
	$(call say,clean: target, .venv, dist, out and caches)
	@$(CARGO) clean --quiet
	@rm -rf $(VENV) dist out .pytest_cache .mypy_cache .ruff_cache
	@find python tests scripts notebooks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
