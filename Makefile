# Everything a newcomer needs: `make demo` to see it run, `make test` to check it.
# The first run of either installs what it needs into .venv and the user's cache.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCAL := $(VENV)/.ready-local

.PHONY: help setup demo dev test check unit bundle openapi format clean

help: ## Show what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(READY) ## Install what the other targets need

$(VENV):
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Trellis needs Python 3.11 or later; set PYTHON="'
	$(PYTHON) -m venv $(VENV)

$(READY): pyproject.toml | $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(READY) $(LOCAL)

# The demo needs less than the tests do, and a newcomer should see it soon.
$(LOCAL): pyproject.toml | $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local]'
	@touch $@

demo: $(LOCAL) ## Run a referral's journey through the whole stack, on this machine
	$(BIN)/trellis demo

dev: $(LOCAL) ## Run the stack on this machine and follow its events
	$(BIN)/trellis dev

test: check unit ## Run everything

check: $(READY) ## Lint, types, direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

unit: $(READY) ## Run the tests, also those that need the local cloud
	$(BIN)/pytest --numprocesses 2

bundle: $(LOCAL) ## Build the functions for AWS into build/lambda
	$(BIN)/python -m trellis_process.deploy.bundle

openapi: $(READY) ## Write the OpenAPI document anew
	$(BIN)/python -m trellis_process.http.openapi

format: $(READY) ## Put the code into its usual form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## Remove what was built and installed here
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
