# Two commands do everything on a fresh machine with git, make and Python 3.11 (with venv): demo and test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test fuzz test-slow test-fleet bed docs pictures lint types layers unit requirements clean

demo: $(VENV)/installed
	$(BIN)/mobius demo

test: $(VENV)/installed-dev lint types layers unit

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench

types: $(VENV)/installed-dev
	$(BIN)/mypy

layers: $(VENV)/installed-dev
	$(BIN)/lint-imports

unit: $(VENV)/installed-dev
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow and not fleet"
	@$(BIN)/python -m tests.beds.possible || true

# The tests that make their own inputs, each time with others; then every reader of what others wrote, led by coverage
# (Linux only). What they find becomes a case of its own.
fuzz: $(VENV)/installed-dev
	$(BIN)/pytest -n 2 -m "hypothesis and not slow and not fleet" --hypothesis-profile=search
	$(BIN)/python -m tests.fuzz.hunt --seconds 20

test-slow: $(VENV)/installed-dev
	$(BIN)/pytest -m "slow and not fleet"

# Real systemd hosts: root and systemd-nspawn. The bed installs what it needs and is built once (tests/beds/README.md).
test-fleet: bed
	$(BIN)/pytest -rs -m fleet

bed: $(VENV)/installed-dev
	$(BIN)/python -m tests.beds.build

# The documentation as a site, in build/site; it fetches nothing from elsewhere when it is read.
docs: $(VENV)/installed-dev
	$(BIN)/zensical build --strict

# The pictures of README.md, from a real run of the demo: needs chromium, and takes a minute.
pictures: $(VENV)/installed-dev
	$(BIN)/python tests/docs/pictures.py

# What the product needs, by hash; then the product itself.
$(VENV)/installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# The same with the tools that test it.
$(VENV)/installed-dev: requirements-dev.txt $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@

# Written again after a change of the dependencies in pyproject.toml; no registry address gets into the files.
requirements: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv export --quiet --no-emit-project --no-header --group build --no-group dev --format requirements-txt -o requirements.txt
	$(BIN)/uv export --quiet --no-emit-project --no-header --group build --group dev --format requirements-txt -o requirements-dev.txt
# uv leaves extras out; the pip of Python 3.11 then takes a need for `hishel[async,httpx]` for one without a hash.
	sed 's/^hishel==/hishel[async,httpx]==/' requirements-dev.txt > requirements-dev.new
	mv requirements-dev.new requirements-dev.txt

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache
