# Two commands do everything on a Debian or Ubuntu machine with a Rust toolchain:
#
#   make demo   a drifted cluster on an embedded server, mended through a real Erlang node
#   make test   all tests
#
# Both work on a CouchDB of your own instead when COUCHDB_URL says where it is. So does
#
#   make bench [SIZES=5000,50000] [ONLY=copy,fix] [TURNS=5]
#
# which measures the commands, and writes docs/performance.md.

#
#   make harm [CASES=50000] [SEED=1]   random cases of faults and outside writers, optimised
#   make soak [MINUTES=60]             random commands on a cluster that drifts

.PHONY: all demo test test-rust test-erlang bench harm soak lint prepare clean

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

# One after the other, so that what is measured is built as it is installed.
bench:
	cargo build --release --locked -p kazoo-numbers
	cargo run --release --locked -p kazoo_numbers_bench -- run \
		$(if $(SIZES),--sizes $(SIZES)) $(if $(ONLY),--only $(ONLY)) $(if $(TURNS),--turns $(TURNS))

# Six properties, each with its share of the cases. A target of its own: what the tests build is not optimised.
harm:
	KAZOO_NUMBERS_CASES=$$(( ($(or $(CASES),50000) + 5) / 6 )) KAZOO_NUMBERS_SEED=$(or $(SEED),1) \
	CARGO_PROFILE_DEV_OPT_LEVEL=2 CARGO_TARGET_DIR=$${CARGO_TARGET_DIR:-target}/harm \
	cargo test --locked -p kazoo_numbers_faults --test faults --test outside_writer -- --nocapture --test-threads 1

soak: all
	KAZOO_NUMBERS_PREBUILT=1 KAZOO_NUMBERS_SOAK_MINUTES=$(or $(MINUTES),60) \
	scripts/with-couchdb rebar3 ct --suite test/kazoo_numbers_soak_SUITE

# The library is built as the tests need it, and once.
lint: all
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	KAZOO_NUMBERS_PREBUILT=1 rebar3 xref
	KAZOO_NUMBERS_PREBUILT=1 rebar3 dialyzer
	scripts/audit-dependencies

clean:
	rm -rf _build priv/kazoo-numbers priv/*.so
	cargo clean
