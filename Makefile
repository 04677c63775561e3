# Everything runs in .venv, which `make setup` makes out of nothing but Python 3.11 with venv and pip.

PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PORT ?= 4000
BIN := .venv/bin
STAMP := .venv/.setup-done
PLUGINS := $(sort $(dir $(wildcard plugins/*/pyproject.toml)))
GENERATORS := $(filter-out scripts/constraints.py,$(sort $(wildcard scripts/[a-z]*.py)))
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt

# Where Python keeps no bytecode, every test run and every gateway that a test starts compiles all sources anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run test test-long check format bench docs constraints clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## Make .venv with the core, all plugins and the tools; seconds when it is there
	@:

$(STAMP): pyproject.toml constraints.txt $(addsuffix pyproject.toml,$(PLUGINS))
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv and pip is needed (Debian: apt install python3-venv)."; exit 1; }
	@test -x $(BIN)/python || { echo "Making .venv"; $(PYTHON) -m venv .venv; }
	@echo "Installing into .venv (a minute or two the first time)"
	@$(PIP) pip hatchling editables
	@$(PIP) --no-build-isolation --group dev -e '.[fast,postgres,testing,tokens]' $(addprefix -e ./,$(PLUGINS))
	@touch $@

run: setup ## Start the gateway on port 4000 with the example config; PORT=… for another port
	@$(BIN)/tianji serve --config proxy_config.example.yaml --port $(PORT)

test: setup ## Run the tests; ARGS="tests/unit -k sse" for some of them, "-n 0" to run them in one process
	@$(BIN)/pytest -m "not long" -n 3 --dist loadfile $(ARGS)

test-long: setup ## Run the tests that take minutes
	@$(BIN)/pytest -m long $(ARGS)

check: setup ## Linters, types, layers, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy tianji_core $(sort $(wildcard plugins/*/src/tianji_*))
	$(BIN)/lint-imports
	@for script in $(GENERATORS) scripts/constraints.py; do echo "$$script --check"; $(BIN)/python $$script --check || exit 1; done

format: setup ## Put the sources into shape
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

bench: setup ## Side-by-side load runs; benchmarks/RESULTS.md says what they need
	@$(BIN)/python benchmarks/run.py $(ARGS)

docs: setup ## Write the generated files anew
	@for script in $(GENERATORS); do $(BIN)/python $$script || exit 1; done

constraints: setup ## Resolve constraints.txt anew
	@$(BIN)/python scripts/constraints.py

clean: ## Remove .venv and everything that was made
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
