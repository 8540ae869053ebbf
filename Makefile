# Two commands do everything on a Debian or Ubuntu machine with a Rust toolchain:
#
#   make demo      an operator repairs a cluster that has drifted, and undoes the repair; on an embedded server
#   make test      all tests
#
# For developers:
#
#   make check     format, lints, unit tests and a quick run against the model: before each commit
#   make lint      all lints, words, dialyzer and edoc
#   make release   the optimised library and program, for production
#   make dist [PROCESSOR=x86_64] [BEAMS=DIR]   an archive and packages for machines without a compiler, in dist/
#   make bench [SIZES=5000,50000] [ONLY=copy,fix] [PART=index] [TURNS=5]   measures the commands and writes docs/performance.md
#   make stress [CASES=50000] [SEED=1]                        random cases of faults and outside writers
#   make fuzz [SECONDS=60] [ONLY=frames]                      arbitrary bytes for the code that reads bytes from outside, a time for each target
#   make generate  the Erlang module of the commands, from their catalog
#   make man       the manual pages, from the same catalog, in _build/man; part of make release
#   make book      the documentation as a site, in _build/book; needs mdbook
#   make site      the same, with the documentation of the crates and of the Erlang modules
#   make soak [MINUTES=60] [FAULTS=1]                         random commands on a cluster that drifts, through a proxy that injects faults
#
# demo, test, bench and soak use your own CouchDB if COUCHDB_URL is set.

.PHONY: all generate man book demo test test-rust test-erlang check lint release dist site bench stress fuzz soak prepare programs built-tests clean

# Every call of rebar3 uses the library that is already built.
REBAR3 = env KAZOO_NUMBERS_PREBUILT=1 rebar3
COMPILE = env QUIET=1 $(REBAR3) compile
# Starts commands that start other processes: an interrupted make ends them all. make signals only its child, so the child must not be
# a shell that waits for the command: variables are set by env, or the shell is replaced by exec.
RUN = scripts/run-group

all: prepare
	@scripts/build-native
	@$(COMPILE)

prepare:
	@scripts/prepare

programs: prepare
	@env KAZOO_NUMBERS_LAB=1 scripts/build-native
	@$(COMPILE)

# All tests too, in the same call of cargo: compiled for the programs alone, some crates have other features.
built-tests: prepare
	@env KAZOO_NUMBERS_LAB=tests scripts/build-native
	@$(COMPILE)

demo: programs
	@$(RUN) scripts/with-couchdb scripts/demo

# With your own CouchDB, one after the other: both use it.
test: built-tests
	$(if $(COUCHDB_URL),@$(MAKE) --no-print-directory test-rust test-erlang,@$(RUN) scripts/test-all)

test-rust: built-tests
	$(RUN) cargo test --workspace --locked

test-erlang: built-tests
	$(RUN) scripts/with-couchdb $(REBAR3) ct

# One model run of a tenth of the cases; CI runs the rest. Outside the Erlang VM the NIF has no test that can run.
check: prepare
	cargo fmt --all --check
	$(RUN) cargo clippy --workspace --all-targets --locked -- -D warnings
	$(RUN) cargo test --workspace --exclude kazoo_numbers_nif --locked --lib --bins
	env KAZOO_NUMBERS_CASES=100 $(RUN) cargo test --locked -p kazoo_numbers --test it -- model::

lint: built-tests
	cargo fmt --all --check
	cargo fmt --manifest-path native/lab/fuzz/Cargo.toml --check
	scripts/check-features
	scripts/check-version
	scripts/check-words
	scripts/check-links
	$(RUN) cargo clippy --workspace --all-targets --locked -- -D warnings
	$(RUN) $(REBAR3) check
	scripts/audit-dependencies

generate: prepare
	cargo run --quiet --locked -p kazoo-numbers-lab -- erlang-module >_build/kazoo_numbers_maintenance.erl
	mv _build/kazoo_numbers_maintenance.erl erlang/src/kazoo_numbers_maintenance.erl

man: all
	priv/kazoo-numbers man _build/man/man1

book:
	@scripts/build-book

site: prepare book
	cargo doc --workspace --no-deps --locked --quiet
	$(REBAR3) edoc
	mkdir -p _build/book/crates _build/book/erlang
	cp -R target/doc/. _build/book/crates
	cp -R doc/. _build/book/erlang

release: prepare
	@env KAZOO_NUMBERS_PROFILE=release scripts/build-native
	@$(COMPILE)
	@priv/kazoo-numbers man _build/man/man1

dist: prepare
	@[ -e priv/kazoo-numbers ] || scripts/build-native
	@$(COMPILE)
	@$(if $(BEAMS),KAZOO_NUMBERS_BEAMS=$(BEAMS)) scripts/dist $(PROCESSOR)

bench: release
	$(RUN) cargo run --release --locked -p kazoo_numbers_bench -- run \
		$(if $(SIZES),--sizes $(SIZES)) $(if $(ONLY),--only $(ONLY)) $(if $(PART),--part $(PART)) $(if $(TURNS),--turns $(TURNS))

# Six properties, each with its share of the cases.
stress:
	exec env KAZOO_NUMBERS_CASES=$$(( ($(or $(CASES),50000) + 5) / 6 )) KAZOO_NUMBERS_SEED=$(or $(SEED),1) \
	$(RUN) cargo test --locked -p kazoo_numbers_faults --test it -- --nocapture --test-threads 1 faults:: outside_writer::

fuzz: prepare
	$(RUN) scripts/fuzz $(or $(SECONDS),60) $(ONLY)

soak: programs
	$(if $(FAULTS),cargo build --locked -p kazoo_numbers_faults --bin kazoo-numbers-faults)
	env KAZOO_NUMBERS_SOAK_MINUTES=$(or $(MINUTES),60) \
	$(if $(FAULTS),KAZOO_NUMBERS_SOAK_FAULTS=$(CURDIR)/target/debug/kazoo-numbers-faults) \
	$(RUN) scripts/with-couchdb $(REBAR3) ct --suite test/kazoo_numbers_soak_SUITE

clean:
	rm -rf _build doc priv/kazoo-numbers priv/*.so
	cargo clean
