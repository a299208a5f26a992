# make demo   installs bedside into .venv and trains on the breast cancer data
# make test   installs what tests need and runs everything that CI runs
# make check  formatting, lint, types, layers
# make tests  all tests, in two processes
# make notebooks   runs the notebooks of the course and stores what they show (some minutes)
# make docs    the reference, the pages of families, and the documentation as a site in site/
# make bench  the speed comparisons of benchmarks/README.md

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL := $(PIP) install --constraint constraints.txt
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
ifneq ($(wildcard ../shared/data),)
export BEDSIDE_DATA ?= $(abspath ../shared/data)
endif

.DEFAULT_GOAL := help
.PHONY: help install demo check test tests notebooks bench docs clean

help:
	@sed -n 's/^# make/make/p' Makefile

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "bedside needs Python 3.11 or newer; name one with: make PYTHON=python3.12 demo"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Python cannot make a virtual environment; on Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	@touch $@

$(VENV)/installed: $(VENV)/made pyproject.toml constraints.txt
	@echo "Installing bedside into $(VENV); the first time this takes some minutes."
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/made pyproject.toml constraints.txt
	@echo "Installing bedside and what tests need into $(VENV); the first time this takes some minutes."
	@$(INSTALL) --editable '.[dev]'
	@touch $(VENV)/installed $@

$(VENV)/installed-bench: $(VENV)/installed
	@$(INSTALL) --editable '.[benchmarks,weights]'
	@touch $@

install: $(VENV)/installed

demo: $(VENV)/installed
	@$(BIN)/bedside train breast-cancer

check: $(VENV)/installed-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

test: check tests

# Two processes share the tests, each on one core: threads that wait for a core which is taken only burn time.
tests: $(VENV)/installed-dev
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal --durations=30

notebooks: $(VENV)/installed-dev
	@$(BIN)/python notebooks/make_notebooks.py --run

bench: $(VENV)/installed-bench
	@$(BIN)/python benchmarks/table.py
	@$(BIN)/python benchmarks/evaluation.py
	@$(BIN)/python benchmarks/images.py
	@$(BIN)/python benchmarks/many_fits.py
	@$(BIN)/python benchmarks/serve.py
	@$(BIN)/python benchmarks/malformed.py

docs: $(VENV)/installed-dev
	@$(BIN)/python docs/make_reference.py
	@$(BIN)/python docs/make_families.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build
	@echo "site/index.html"

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist
