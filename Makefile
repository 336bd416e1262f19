# What a person does with this repository. `make test` and `make demo` need a Debian machine with the
# Rust toolchain and nothing more: what is missing is installed first.

CARGO     ?= cargo
BUILT     := $(or $(CARGO_TARGET_DIR),target)/debug
# What the demo is told, for example --exit.
DEMO_FLAGS ?=

.PHONY: help
help:
	@echo 'make test    all tests, against the real HAProxy'
	@echo 'make demo    stalls, HAProxy and five containers at work; Ctrl-C ends it'
	@echo '             (DEMO_FLAGS=--exit: once through, then exit)'
	@echo 'make lint    formatting, clippy, dependencies, documentation'
	@echo 'make setup   install what the others need and is missing: haproxy, gcc'
	@echo
	@echo 'HAPROXY_BIN=/path/to/haproxy uses that one and installs none.'

.PHONY: setup
setup:
	@sh tests/setup.sh

# The documentation's tests go first, so that the summary of all others is the last thing to read.
.PHONY: test
test: setup
	@if $(CARGO) nextest --version >/dev/null 2>&1; then set -x; \
		$(CARGO) test --locked --workspace --doc --quiet && \
		$(CARGO) nextest run --locked --workspace --no-fail-fast; \
	else set -x; \
		$(CARGO) test --locked --workspace --no-fail-fast; \
	fi

# Built like the tests, since the release build takes minutes, and a first look should not.
.PHONY: demo
demo: setup
	$(CARGO) build --locked --workspace
	$(BUILT)/stalls-demo --stalls $(BUILT)/stalls $(DEMO_FLAGS)

.PHONY: lint
lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --no-deps --document-private-items
	@if $(CARGO) deny --version >/dev/null 2>&1; then set -x; \
		$(CARGO) deny --locked check --hide-inclusion-graph licenses bans sources; \
	else \
		echo '*** SKIPPED: the check of licences, bans and sources (cargo install --locked cargo-deny)' >&2; \
	fi
