# `make mnist` and `make test` need nothing but a Python from 3.11 to 3.13: each makes .venv if it
# is missing, installs the package into it, and does its job.

# The first of these that runs and fits.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do $$p -c "$(FITS)" 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
# NengoDL is a source distribution that setuptools 81 and later, and isolated builds on Python
# 3.12 and later, cannot build.
BUILD := "pip>=24" "setuptools>=64,<81" wheel
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-build-isolation

# The native simulator's kernels are compiled once on a machine.
WARM_UP := $(BIN)/python -m nengo_pc.backends.native.compiling

.PHONY: install mnist gui test test-slow test-nengo docs clean

install: $(VENV)/.installed

mnist: $(VENV)/.installed
	$(BIN)/python run_mnist_snn.py

# A model in Nengo GUI: make gui MODEL=lif_neuron
MODEL ?= mnist_snn
gui: $(VENV)/.installed-gui
	$(BIN)/python -m nengo_pc.models $(MODEL)

test: $(VENV)/.installed-test $(VENV)/.browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest

# Nengo's pytest plugin skips what is marked slow unless asked.
test-slow: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m slow --slow

# Nengo's and nengo-spa's own tests, on the reference simulator and on the native one.
SPA := --pyargs nengo_spa --ignore-glob=*test_examples.py
test-nengo: $(VENV)/.installed-test
	-$(BIN)/python -m pytest -c tests/nengo_suite/reference.ini --slow --pyargs nengo
	$(BIN)/python -m pytest -c tests/nengo_suite/native.ini --slow --pyargs nengo
	-$(BIN)/python -m pytest -c tests/nengo_suite/reference.ini $(SPA)
	$(BIN)/python -m pytest -c tests/nengo_suite/native.ini $(SPA)

# Warnings are errors: a name, a link or a table that does not work.
docs: $(VENV)/.installed-docs
	$(BIN)/sphinx-build --fail-on-warning --keep-going --fresh-env --write-all -q docs docs/_build/html
	@echo docs/_build/html/index.html

# Stamps, so that installing happens once and again whenever what is installed has changed.
$(VENV)/.made:
	@$(PYTHON) -c "$(FITS)" || { echo "nengo-pc needs Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(BUILD)
	touch $@

$(VENV)/.installed: $(VENV)/.made setup.py pyproject.toml constraints.txt
	$(INSTALL) --editable .
	$(WARM_UP)
	touch $@

$(VENV)/.installed-test: $(VENV)/.made setup.py pyproject.toml constraints.txt
	$(INSTALL) --editable ".[test,loihi]"
	$(WARM_UP)
	touch $@ $(VENV)/.installed

$(VENV)/.installed-gui: $(VENV)/.made setup.py pyproject.toml constraints.txt
	$(INSTALL) --editable ".[gui]"
	$(WARM_UP)
	touch $@ $(VENV)/.installed

# Tests of models in Nengo GUI need Chromium and are skipped without it.
$(VENV)/.browser: $(VENV)/.made
	@have() { command -v chromium && command -v chromedriver; } >/dev/null; \
	if ! have && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Debian's chromium and chromium-driver, for the browser tests"; \
	    export DEBIAN_FRONTEND=noninteractive; \
	    { apt-get update && apt-get install -y chromium chromium-driver; } >/dev/null 2>&1 || true; \
	fi; \
	if have; then touch $@; \
	else echo "Browser tests will be skipped. To get them: apt-get install chromium chromium-driver"; fi

$(VENV)/.installed-docs: $(VENV)/.made setup.py pyproject.toml constraints.txt
	$(INSTALL) --editable ".[docs]"
	touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) build docs/_build *.egg-info
