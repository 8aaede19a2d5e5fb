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
# The queues under a scheduler of their own, in a package of its own.
MODELS := $(CARGO) test --quiet --locked --manifest-path models/Cargo.toml --target-dir target/models
# What to hand on, as in: make bench-sink ARGS='--quick --only threads,latency', make prove ARGS='--resume'
ARGS :=
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

$(READY): requirements-dev.txt requirements-test.txt Cargo.lock models/Cargo.lock scripts/setup.sh
	$(call say,setup: $(VENV) from requirements-dev.txt; the crates of Cargo.lock)
	@scripts/setup.sh $(VENV)
	@touch $@

# What only some targets need is installed when one of them is made; -docs and -release hold all of -dev.
$(VENV)/.%: requirements-%.txt $(READY)
	$(call say,setup: $<)
	@$(PIP) install --require-hashes --requirement $<
	@touch $@

.PHONY: lock
lock: ## pin requirements-*.in anew, for Python 3.11 and later (needs uv, as of `pip install uv`, and a network)
	$(call say,lock: requirements-*.txt)
	@compile() { uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-find-links "$$@"; }; \
	compile requirements-test.in --output-file requirements-test.txt; \
	compile requirements-dev.in --constraint requirements-test.txt --output-file requirements-dev.txt; \
	compile requirements-demo.in --constraint requirements-dev.txt --output-file requirements-demo.txt; \
	compile requirements-fuzz.in --output-file requirements-fuzz.txt; \
	compile requirements-docs.in --constraint requirements-dev.txt --output-file requirements-docs.txt; \
	compile requirements-release.in --constraint requirements-docs.txt --output-file requirements-release.txt

# --- build and show --------------------------------------------------------------------------------------------------

.PHONY: build
build: $(BUILT) ## build the release wheel into dist/ and install it in .venv

$(BUILT): $(READY) $(SOURCES)
	$(call say,build: the release wheel; this takes a minute or two when it is the first)
	@rm -f dist/fanin-*.whl
	@$(PYTHON) -m maturin build --quiet --locked --out dist --interpreter $(PYTHON)
	@$(PIP) install --no-index --no-deps --force-reinstall dist/fanin-*.whl
	@touch $@

.PHONY: wheel
wheel: $(VENV)/.release $(SOURCES) ## what a release is: an abi3 wheel for manylinux 2.17 and an sdist, in dist/release/
	$(call say,wheel: dist/release/)
	@rm -rf dist/release
	@PATH="$(abspath $(BIN)):$$PATH" $(PYTHON) -m maturin build --quiet --locked --out dist/release \
	    --interpreter $(PYTHON) $(if $(filter Linux,$(shell uname -s)),--zig --compatibility manylinux_2_17)
	@$(PYTHON) -m maturin sdist --out dist/release
	@ls -l dist/release

# The demo needs neither the tests' packages nor the queues of other crates: without them it is there in half the time. Where
# all is built already, that is what it runs.
DEMO := $(if $(wildcard $(BUILT)),$(VENV),.venv-demo)

.PHONY: demo
demo: $(if $(wildcard $(BUILT)),$(BUILT),.venv-demo/.built) ## answer the article: the table, out/article.png, out/article.json
	$(call say,demo: fanin article --quick --out out)
	@$(DEMO)/bin/fanin article --quick --out out

.venv-demo/.ready: requirements-demo.txt Cargo.lock scripts/setup.sh
	$(call say,setup: .venv-demo from requirements-demo.txt; the crates of Cargo.lock)
	@scripts/setup.sh .venv-demo demo
	@touch $@

.venv-demo/.built: .venv-demo/.ready $(SOURCES)
	$(call say,build: the release wheel without the queues of other crates; this takes a minute when it is the first)
	@rm -rf .venv-demo/dist
	@.venv-demo/bin/python -m maturin build --quiet --locked --out .venv-demo/dist --features python \
	    --interpreter .venv-demo/bin/python
	@.venv-demo/bin/python -m pip --quiet install --no-index --no-deps --force-reinstall .venv-demo/dist/fanin-*.whl
	@touch $@

.PHONY: newcomer
newcomer: ## a fresh clone of what is committed, and `make demo` in it: as the README shows, in under five minutes?
	$(call say,newcomer: scripts/newcomer.py $(ARGS))
	@python3 scripts/newcomer.py $(ARGS)

# --- tests -----------------------------------------------------------------------------------------------------------

.PHONY: test
test: lint test-rust loom shuttle test-python ## everything that must hold: lint, cargo test, models, pytest with the notebooks

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
	@$(CARGO) fmt --check --manifest-path models/Cargo.toml
	@$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
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
	@$(PYTHON) -m mypy.stubtest fanin pytest_fanin --concise --mypy-config-file pyproject.toml --allowlist tests/stubtest-allowlist.txt

.PHONY: pythons
pythons: $(BUILT) ## the one wheel on every Python from 3.11 on that is found
	$(call say,pythons: the wheel in dist/ on every Python found)
	@scripts/pythons.sh dist/fanin-*.whl $(WHEELS)

.PHONY: check-targets
check-targets: $(VENV)/.release ## does the crate compile for arm64, macOS, Windows; are the workflows in order
	$(call say,check-targets: cargo check elsewhere; the schemas of .github/ and CITATION.cff)
	@scripts/targets.sh $(VENV)
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.citation-file-format CITATION.cff

.PHONY: loom
loom: $(READY) ## every interleaving of the queues' models, at preemption bound 2
	$(call say,loom: models/tests/loom.rs)
	@$(MODELS) --features loom

.PHONY: shuttle
shuttle: $(READY) ## 120,000 random schedules of eight producers and a queue
	$(call say,shuttle: models/tests/shuttle.rs)
	@$(MODELS) --features shuttle

.PHONY: plant
plant: $(READY) ## plant the bugs of tests/planted.toml, one at a time: which check catches each (some minutes)
	$(call say,plant: scripts/plant.py)
	@$(PYTHON) scripts/plant.py

.PHONY: asan
asan: $(READY) ## the queues' tests under AddressSanitizer and its leak check (some minutes)
	$(call say,asan: scripts/asan.sh)
	@scripts/asan.sh

.PHONY: fuzz
fuzz: $(READY) $(VENV)/.fuzz ## a minute of made-up bytes for each reader: frames, ledger, plans, journals, sweeps (needs cargo-fuzz)
	$(call say,fuzz: scripts/fuzz.py $(ARGS))
	@$(PYTHON) scripts/fuzz.py $(ARGS)

# A copy of https://github.com/rustsec/advisory-db, as in: make advisories DB=../advisory-db
DB ?=
.PHONY: advisories
advisories: $(READY) ## known holes among the crates, by a copy of the advisory database: DB=PATH
	$(call say,advisories: scripts/advisories.py $(DB))
	@$(PYTHON) scripts/advisories.py $(DB)

.PHONY: prove
prove: $(BUILT) ## the long proofs (hours), and a page at their end: out/prove.md (ARGS=soak, ARGS=--resume)
	$(call say,prove: scripts/prove.py $(ARGS))
	@$(PYTHON) scripts/prove.py $(ARGS)

# --- the documentation -----------------------------------------------------------------------------------------------

# What is published of a notebook is its full execution, as committed; that each still runs is seen before.
$(VENV)/.executed: $(BUILT) $(wildcard notebooks/*) scripts/execute_notebooks.py
	$(call say,docs: executing the notebooks in their quick mode; this takes a minute or two)
	@$(PYTHON) scripts/execute_notebooks.py --check
	@touch $@

.PHONY: docs
docs: $(BUILT) $(VENV)/.docs $(VENV)/.executed ## the documentation, in docs/_build/html; a warning or a dead link is an error
	$(call say,docs: docs/_build/html)
	@$(PYTHON) -m sphinx --quiet --fail-on-warning --keep-going --builder html docs docs/_build/html
	@$(PYTHON) scripts/check_docs.py docs/_build/html

.PHONY: test-browser
test-browser: $(BUILT) $(VENV)/.docs ## the live view in a JupyterLab in headless Chromium (FANIN_PICTURES=docs/how-to retakes)
	$(call say,test-browser: tests/browser)
	@$(PYTHON) -m pytest tests/browser

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

.PHONY: bench-sink
bench-sink: $(BUILT) ## the sink beside its rivals in Python, delivery checked: the targets (some 10 minutes; ARGS=--quick)
	$(call say,bench-sink: benches/sink)
	@$(CARGO) build --quiet --locked --release --example receiver
	@$(PYTHON) benches/sink $(ARGS)

.PHONY: fmt
fmt: $(READY) ## format and mend what can be mended
	$(call say,fmt: cargo fmt; ruff)
	@$(CARGO) fmt
	@$(CARGO) fmt --manifest-path models/Cargo.toml
	@$(CARGO) fmt --manifest-path fuzz/Cargo.toml
	@$(PYTHON) -m ruff check --quiet --fix
	@$(PYTHON) -m ruff format --quiet

.PHONY: clean
clean: ## remove everything that was made here
	$(call say,clean: target, .venv, dist, out and caches)
	@$(CARGO) clean --quiet
	@rm -rf $(VENV) .venv-demo dist out docs/_build .pytest_cache .mypy_cache .ruff_cache
	@find python tests scripts notebooks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
