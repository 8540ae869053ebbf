# Two commands do everything on a Debian or Ubuntu machine with a Rust toolchain:
#
#   make demo   a drifted cluster on an embedded server, mended through a real Erlang node
#   make test   all tests
#
# Both work on a CouchDB of your own instead when COUCHDB_URL says where it is.

.PHONY: all demo test test-rust test-erlang lint prepare clean

all: prepare
	rebar3 compile

prepare:
	@scripts/prepare

demo: all
	@scripts/with-couchdb scripts/demo

test: test-rust test-erlang

test-rust: prepare
	cargo test --workspace --locked

test-erlang: all
	KAZOO_NUMBERS_PREBUILT=1 scripts/with-couchdb rebar3 ct

lint: prepare
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	KAZOO_NUMBERS_PROFILE=dev rebar3 xref
	KAZOO_NUMBERS_PREBUILT=1 rebar3 dialyzer
	scripts/audit-dependencies

clean:
	rm -rf _build priv/kazoo-numbers priv/*.so
	cargo clean
