# `make demo` and `make test` work on a fresh Debian or Ubuntu: what they need beyond Rust they install.

.PHONY: demo test bench lint needs-cargo needs-build needs-test install
.DEFAULT_GOAL := demo

# Built without a release's long optimisation: it answers in milliseconds all the same, and is there in
# half the time. Dependencies are optimised a little in this profile too.
demo: needs-build
	cargo run --locked -- demo

test: needs-build needs-test
	cargo test --workspace --locked
	tests/sdk/run.sh

bench: needs-build
	benches/load/setup.sh
	cargo bench --locked --profile dist --bench load

lint: needs-build
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

needs-cargo:
	@command -v cargo >/dev/null 2>&1 || { \
	    echo "cargo is missing: install Rust (see https://rustup.rs), then run this again." >&2; exit 1; }

# A C compiler and cmake build zlib-ng and ring, which Pingora stands on.
needs-build: needs-cargo
	@command -v cc >/dev/null 2>&1 || $(MAKE) --no-print-directory install PACKAGES="gcc libc6-dev make"
	@command -v cmake >/dev/null 2>&1 || $(MAKE) --no-print-directory install PACKAGES=cmake

needs-test:
	@command -v redis-server >/dev/null 2>&1 || $(MAKE) --no-print-directory install PACKAGES=redis-server
	@command -v faketime >/dev/null 2>&1 || $(MAKE) --no-print-directory install PACKAGES=faketime
	tests/sdk/setup.sh

# Services that a package brings must not come up: the tests start their own on free ports.
install:
	@command -v apt-get >/dev/null 2>&1 || { echo "please install by hand: $(PACKAGES)" >&2; exit 1; }
	@sudo=""; if [ "$$(id -u)" -ne 0 ]; then sudo=sudo; fi; \
	$$sudo apt-get update -qq && \
	$$sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
	    apt-get install -y -qq --no-install-recommends $(PACKAGES)
