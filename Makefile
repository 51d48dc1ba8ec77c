# Needs Python >= 3.10 with pip and a Rust toolchain; everything else goes into .venv. `make help` lists the targets.

PYTHON ?= python3

# Compiling Polars takes a quarter of an hour, so all clones of this repository share one build of it.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/polars-corrset/target

PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet
RUST := Cargo.toml Cargo.lock $(shell find src)
LOWEST_POLARS := $(shell sed -n 's/.*"polars>=\([0-9.]*\)".*/\1/p' pyproject.toml)

# Cargo takes its files for fresh when they are younger than the sources, whichever clone they came from, and
# calls a clone's build by the same name as another's. Hence the touch, and the lock from there until maturin has
# copied the result. (Systems without flock: do not build two clones at the same time.)
LOCKED := $(if $(shell command -v flock),flock '$(CARGO_TARGET_DIR)/.clones')

# The core compiles in seconds: it needs no sharing, and none of the above.
CORE := --no-default-features --target-dir target

.PHONY: help build demo test test-rust test-python test-lowest-polars bench lint lint-rust lint-python clean

help:
	@echo 'make demo    the best question sets of a Parquet data set of 2.4 million responses'
	@echo 'make test    lint, then all tests, on the newest Polars and on $(LOWEST_POLARS)'
	@echo 'make bench   time on the reference benchmark, and of all that it can be compared with: 10 minutes'
	@echo 'make lint    rustfmt, clippy, ruff, mypy'
	@echo 'make build   the package in .venv, editable'
	@echo 'make clean   forget .venv and what was built here (not the Polars in $(CARGO_TARGET_DIR))'

demo: .venv/.examples
	$(PY) examples/demo.py

bench: .venv/.bench
	$(PY) benches/reference.py
	$(PY) benches/ladder.py

build: .venv/.build

test: lint test-rust test-python test-lowest-polars

test-rust:
	cargo test $(CORE)

test-python: .venv/.dev
	@$(PY) -c 'import polars; print("Polars", polars.__version__)'
	$(PY) -m pytest

# The same extension module under another Polars: PYTHONPATH comes before what .venv has.
test-lowest-polars: .venv/.dev .venv/polars-$(LOWEST_POLARS)
	@PYTHONPATH=$(word 2,$^) $(PY) -c 'import polars; assert polars.__version__ == "$(LOWEST_POLARS)"'
	@echo 'Polars $(LOWEST_POLARS)'
	PYTHONPATH='$(CURDIR)/$(word 2,$^)' $(PY) -m pytest

lint: lint-rust lint-python

# Clippy checks Polars once more, from its metadata: four minutes, once per machine. To let it use the release build
# instead would take the environment that maturin sets up for PyO3 to the letter; a difference rebuilds all of Polars.
# Hence also the folder of its own, and no Python: which one is found would be such a difference.
# The cfg means nothing, but makes clippy look again when the last look was at another clone.
lint-rust:
	cargo fmt --check
	cargo clippy $(CORE) --all-targets -- -D warnings
	PYO3_NO_PYTHON=1 cargo clippy --lib --target-dir '$(CARGO_TARGET_DIR)/clippy' -- -D warnings --cfg 'clone="$(CURDIR)"'

lint-python: .venv/.dev
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy

clean:
	rm -rf .venv target python/polars_corrset/_internal.abi3.so

.venv/.maturin:
	$(PYTHON) -m venv .venv
	$(PIP) 'maturin>=1.9,<2'
	@touch $@

.venv/.build: .venv/.maturin pyproject.toml $(RUST)
	@mkdir -p '$(CARGO_TARGET_DIR)'
	env -u CONDA_PREFIX VIRTUAL_ENV='$(CURDIR)/.venv' \
		$(LOCKED) sh -c 'touch src/lib.rs && exec .venv/bin/maturin develop --release'
	@touch $@

# The package is there already, so pip adds what the extra asks for.
.venv/.dev .venv/.bench .venv/.examples: .venv/.%: pyproject.toml | .venv/.build
	$(PIP) 'polars-corrset[$*]'
	@touch $@

.venv/polars-%: | .venv/.maturin
	$(PIP) --no-deps --target $@ polars==$*
