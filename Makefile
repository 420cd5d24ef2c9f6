# Everything a newcomer needs: `make demo` to see it run, `make test` to check it.
# The first run of either installs what it needs into .venv and the user's cache.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCAL := $(VENV)/.ready-local
# Bytecode comes with first use, for most of what the tools bring is never run.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile
# The lowest Python says what is locked, for every Python and processor alike.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
  --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' $(UPGRADE)

.PHONY: help setup demo dev test check unit bench soak mutants bundle openapi lock upgrade licences audit docs format clean

help: ## Show what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(READY) ## Install what the other targets need

$(VENV):
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Trellis needs Python 3.11 or later; set PYTHON="'
	$(PYTHON) -m venv $(VENV)

$(READY): pyproject.toml locks/dev.txt | $(VENV)
	$(INSTALL) --require-hashes --requirement locks/dev.txt
	$(INSTALL) --no-build-isolation --editable .
	@touch $(READY) $(LOCAL)

# The demo needs less than the tests do, and a newcomer should see it soon.
$(LOCAL): pyproject.toml locks/local.txt | $(VENV)
	$(INSTALL) --require-hashes --requirement locks/local.txt
	$(INSTALL) --no-build-isolation --editable .
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
	$(BIN)/pytest --numprocesses 3 --dist worksteal

bench: $(READY) ## Measure, into benchmarks/RESULTS.md; NAMES="units cpu" measures only these
	$(BIN)/python -m benchmarks $(NAMES)

soak: $(READY) ## Try to break every promise for MINUTES=10, or once more with SEED=…
	$(BIN)/python -m tests.proof.soak --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))
	$(BIN)/python -m tests.proof.engine_soak --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))
	$(BIN)/python -m tests.proof.api_fuzz --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))
	$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)) --keep

mutants: $(READY) ## See which small faults in the domain no test notices, into benchmarks/MUTANTS.md
	$(BIN)/python -m benchmarks.mutants $(if $(AGAIN),--again) $(if $(SHARE),--share $(SHARE))

bundle: $(LOCAL) ## Build the functions for AWS into build/lambda
	$(BIN)/python -m trellis_process.deploy.bundle

openapi: $(READY) ## Write the OpenAPI document anew
	$(BIN)/python -m trellis_process.http.openapi

lock: $(READY) ## Write the lock files anew, after a change in pyproject.toml
	$(COMPILE) pyproject.toml --all-extras --group build --output-file locks/dev.txt
	$(COMPILE) pyproject.toml --extra local --group build --constraint locks/dev.txt --output-file locks/local.txt
	# Of a command line that no function has, and for Windows alone.
	$(COMPILE) pyproject.toml --extra lambda --constraint locks/dev.txt --no-emit-package colorama \
	  --output-file locks/lambda.txt
	for name in ministack sam checkov; do $(COMPILE) --group $$name --output-file locks/$$name.txt || exit; done
	$(MAKE) licences  # another make, which installs what is locked now

upgrade: UPGRADE := --upgrade
upgrade: lock ## Lock the newest versions that pyproject.toml allows

licences: $(READY) ## Write the page of the dependencies' licences anew
	$(BIN)/python -m locks.licences

audit: $(READY) ## Ask a public database for known vulnerabilities of what is locked
	$(BIN)/python -m locks.audit

# From scratch each time, because much of it is made from the code and not from a page.
docs: $(READY) ## Build the documentation as a site into build/docs
	rm -rf build/docs
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env --doctree-dir build/docs-read docs build/docs
	@echo "open build/docs/index.html"

format: $(READY) ## Put the code into its usual form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## Remove what was built and installed here
	rm -rf $(VENV) build dist docs/reference/python .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
