# The tasks of this repository. `make test` and `make demo` need a Debian machine with the Rust toolchain and nothing
# more: they fetch first what is missing.

CARGO     ?= cargo
TARGET    := $(or $(CARGO_TARGET_DIR),target)
BUILT     := $(TARGET)/debug
# The demo's options, for example --exit.
DEMO_FLAGS ?=
# The benchmarks' options, for example --quick, and how they and stalls are built.
BENCH_FLAGS   ?=
BENCH_PROFILE ?= release
# The image's name, and options for its build, for example --build-arg HAPROXY_IMAGE=haproxy:3.0.
IMAGE       ?= stalls
IMAGE_FLAGS ?=
# The simulated runs of a soak, beyond those of make check.
SOAK_SEEDS ?= 500..10500
# Cargo keeps what the profile `dev` builds under another name.
BENCH_BUILT   := $(TARGET)/$(BENCH_PROFILE:dev=debug)

.PHONY: help
help:
	@echo 'make test    to run before a commit: all tests, against one real HAProxy'
	@echo 'make check   all checks: more repetitions, three versions of HAProxy, a release, and'
	@echo '             where an engine answers to docker info the image and what users deploy'
	@echo 'make demo    stalls, HAProxy and five containers at work; Ctrl-C ends it'
	@echo '             (DEMO_FLAGS=--exit: once through, then exit)'
	@echo 'make image   the container image, called $(IMAGE)'
	@echo '             (IMAGE=name:tag, IMAGE_FLAGS=more options for docker build)'
	@echo 'make release the files of a release: binary, image, checksums and SBOM'
	@echo 'make bench   stalls measured beside the original in some ten minutes'
	@echo '             (BENCH_FLAGS=--quick: only check that it works; --json FILE: as JSON, too)'
	@echo 'make soak    thousands of simulated runs, other ones than those of make check'
	@echo '             (SOAK_SEEDS=from..to: these; a run that fails prints its seed)'
	@echo 'make lint    formatting, clippy, documentation, dependencies'
	@echo 'make setup   install what the other targets need, if it is missing: gcc'
	@echo
	@echo 'HAPROXY_BIN=/path/to/haproxy runs test, check, demo or bench with that one alone, and fetches none.'

.PHONY: setup
setup:
	@sh tests/setup.sh

.PHONY: test
test: setup
	@CARGO='$(CARGO)' sh tests/run.sh

.PHONY: check
check: setup
	@CARGO='$(CARGO)' sh tests/check.sh

# Built like the tests, since the release build takes minutes.
.PHONY: demo
demo: setup
	$(CARGO) build --locked --workspace
	HAPROXY_BIN=$$(sh tests/haproxies.sh bookworm) && export HAPROXY_BIN && \
		$(BUILT)/stalls-demo --stalls $(BUILT)/stalls $(DEMO_FLAGS)

.PHONY: image
image:
	docker build --tag '$(IMAGE)' $(IMAGE_FLAGS) .

.PHONY: release
release: setup
	@CARGO='$(CARGO)' sh deploy/release.sh

# stalls is built on its own first: beside the lab it would get features that the lab needs.
.PHONY: bench
bench: setup
	$(CARGO) build --locked --profile $(BENCH_PROFILE) --package stalls
	$(CARGO) build --locked --profile $(BENCH_PROFILE) --package stalls-lab --bin stalls-bench
	HAPROXY_BIN=$$(sh tests/haproxies.sh bookworm) && export HAPROXY_BIN && \
		$(BENCH_BUILT)/stalls-bench --stalls $(BENCH_BUILT)/stalls $(BENCH_FLAGS)

# With the checks for overflows and broken invariants that a release does without.
.PHONY: soak
soak: setup
	SIM_SEEDS=$(SOAK_SEEDS) $(CARGO) test --locked --profile soak --package stalls-actors --lib simulation -- --nocapture

.PHONY: lint
lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked --workspace --test container --test helm --test monitoring --test docker --test swarm --test kubernetes -- -D warnings # no part of "all"
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --no-deps --document-private-items
	@CARGO='$(CARGO)' sh tests/cargo_deny.sh
