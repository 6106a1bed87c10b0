# `make` lists the commands. Each prepares .venv by itself; nothing outside this directory is touched.
PYTHON ?= python3.11
BIN := .venv/bin
SCRATCH := $(BIN)/python .ci/scratch.py
TYPED := plugins/labelbox_airflow include/labelbox_local/labelbox_local include/local
PYTEST := $(SCRATCH) $(BIN)/pytest

.DEFAULT_GOAL := help
.PHONY: help setup up down status demo test test-ui test-unit lint format lock bench clean

help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  make %-10s %s\n' "$$name" "$$text"; done

setup: ## Make .venv, or bring it up to date (no time when nothing changed)
	@$(PYTHON) .ci/environment.py setup
	@$(BIN)/python .ci/node_packages.py

up: setup ## Start Airflow, Postgres, S3 and a local Labelbox, and say where; again, to start what has ended
	@$(BIN)/python -m include.local up

down: ## Stop what `make up` started; its data stay in .local
	@$(PYTHON) -m include.local down

status: ## Say how each part of it is
	@$(PYTHON) -m include.local status

demo: setup ## Watch a table in S3 become data rows, and boxes of a model pre-labels (KEEP=1 keeps the files)
	@$(BIN)/python include/demo/demo.py

test: setup ## Run all tests but those of the pages
	@$(PYTEST) -n 2 --dist loadfile tests --ignore tests/ui; status=$$?; \
		echo "The browser tests (tests/ui) were left out: make test-ui runs them in Chromium."; exit $$status

test-ui: setup ## Test Airflow's pages in Chromium (PICTURES=docs/images takes those of the README)
	@$(PYTEST) tests/ui

test-unit: setup ## Run the tests that need no server
	@$(PYTEST) tests/unit

lint: setup ## Check style, types, the layering of the packages and the files of the deployment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(TYPED)
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/hadolint Dockerfile
	$(BIN)/python .ci/compose.py

format: setup ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## Compile requirements*.in to requirements*.txt
	@$(PYTHON) .ci/environment.py lock

bench: setup ## Measure rows per CPU second and memory, beside the SDK (ARGS=--quick for the short one)
	@$(SCRATCH) $(BIN)/python -m tests.bench.bench $(ARGS)
	@$(SCRATCH) $(BIN)/python -m tests.bench.local_labelbox

clean: ## Remove .venv, the data of `make up` and everything that was made
	$(PYTHON) -m include.local clean
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist
	find plugins include tests dags .ci \( -name __pycache__ -o -name '*.egg-info' \) -prune -exec rm -rf {} +
