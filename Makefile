# Runyard in two commands: `make run` opens the dashboard with a demo, `make test` runs the tests.
# Only Python 3.11 or newer is needed beforehand; everything goes into .venv and .demo of this folder.

NEW    := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(firstword $(foreach name,python3.11 python3 python3.12 python3.13,$(shell $(name) -c '$(NEW)' 2>/dev/null && echo $(name))))
VENV   ?= .venv
BIN    := $(VENV)/bin
PORT   ?= 8501
JOBS   ?= 2
PYTEST_ARGS ?=
# Modules are compiled when they are first imported: compiling all of them takes longer than installing them.
PIP    := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile -c constraints.txt
unexport PYTHONDONTWRITEBYTECODE
export RUNYARD_HOME ?= $(CURDIR)/yard

# Nothing is fetched at run time, and one thread per numeric library: OpenMP threads that outnumber cores spin.
export HF_HUB_OFFLINE = 1
export TRANSFORMERS_OFFLINE = 1
export TOKENIZERS_PARALLELISM = false
export STREAMLIT_BROWSER_GATHER_USAGE_STATS = false

.DEFAULT_GOAL := help
.PHONY: help install assets run demo test lint bench proof constraints clean

help:  ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

# The stamp's name holds a checksum of what decides the environment, so a second call costs nothing.
STAMP = $(VENV)/.installed-$(shell cat constraints.txt pyproject.toml 2>/dev/null | cksum | cut -d' ' -f1)

install: $(STAMP)  ## make the environment from constraints.txt
$(STAMP):
	@$(or $(PYTHON),false) -c '$(NEW)' || \
	  { echo "Runyard needs Python 3.11 or newer. Name one: make run PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@# torch first: any other package that wants "some torch" would bring the largest build there is
	@echo "Installing torch, then the rest of constraints.txt, into $(VENV): a few minutes the first time."
	@$(PIP) torch==2.13.0
	@$(PIP) hatchling editables
	@$(PIP) --no-build-isolation -e '.[train,dev]'
	@rm -f $(VENV)/.installed-*
	@touch $@

assets: install  ## fetch the demo's models and data, by hash; without a network scikit-learn's stand in
	@$(BIN)/python -m runyard.demodata

run: assets  ## serve the dashboard with a demo on http://127.0.0.1:8501
	$(BIN)/runyard demo --port $(PORT)

demo: assets  ## run the demo in the foreground and print its results
	$(BIN)/runyard demo --no-serve

# Files in their order: the short ones of tests/unit come last, so that no core waits for the other.
test: assets  ## run the tests (browser tests need Chromium)
	$(BIN)/python -m pytest tests -m "not slow" --ignore=tests/bench --ignore=tests/proof -rs -n $(JOBS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: install  ## ruff, mypy in strict mode, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: assets  ## print the benchmark table (SHORT=1: a quick one)
	$(BIN)/python -m pytest tests/bench -p no:xdist -s -q $(if $(SHORT),--short) $(PYTEST_ARGS)

proof: assets  ## the long kill, soak and simulation tests, and the slow ones of all (SHORT=1: a quick round)
	$(BIN)/python -m pytest tests/proof -q -n $(JOBS) $(if $(SHORT),--short) $(PYTEST_ARGS)
	$(if $(SHORT),,$(BIN)/python -m pytest tests -m slow --ignore=tests/bench --ignore=tests/proof -rs -n $(JOBS) $(PYTEST_ARGS))

constraints: install  ## write constraints.txt anew from what is installed
	$(BIN)/python tests/house/freeze.py > .constraints.new && mv .constraints.new constraints.txt

clean:  ## remove the environment and the caches, not the yard
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
