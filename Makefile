# Everything a fresh machine with python3 (3.11 or newer), pip, venv and make needs: each target sets itself up.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.set-up
BROWSER_SETUP := $(VENV)/.set-up-browser
DOCS_SETUP := $(VENV)/.set-up-docs
TYPES_SETUP := $(VENV)/.set-up-types
PACKAGING_SETUP := $(VENV)/.set-up-packaging
# Environments beside the one for work: a Python or libraries of another version in each.
OTHERS := .venvs
LOWEST_SETUP := $(OTHERS)/lowest/.set-up
PYTHONS ?= python3.12 python3.13 python3.14
WHEELHOUSE ?= .wheelhouse
WHEELS := $(WHEELHOUSE)/.fetched
# How many processes run the tests: two more than there are processors, because many tests wait; at most four.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 2)
# An index of packages that is slow or away for a moment is asked again.
export PIP_RETRIES ?= 10
export PIP_DEFAULT_TIMEOUT ?= 60
# But the pip of many a Python does not ask again for a file that stops half-way.
twice = $(1) || $(1)
# What is known of the API, and the tests of that alone: `make coverage` wants every branch of it passed.
KNOWLEDGE = tests/channels tests/limits tests/webhooks tests/wire tests/receiving/test_drift.py $(patsubst %,tests/test_%.py,auth codes consent errors guards ledger pricing pumping samples security segmentation spending usage values)
COVERAGE = $(BIN)/python -m coverage
PYTEST = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n $(WORKERS) --maxprocesses 4 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long test-packaging test-pythons test-lowest test-browser docs lint format types check coverage coverage-knowledge benchmark bench example-times soak audit campaign-expressions campaign-faults campaign-fuzz campaign-fuzz-webhooks campaign-limits campaign-shared-limits campaign-shutdown campaign-kills campaign-schemathesis campaign-workers clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(SETUP) ## Make the virtual environment with everything in it

demo: $(SETUP) ## Send every message of every channel to the local simulator and show the answers
	@$(BIN)/vonage-messages demo

# Bytecode is kept: tests start the interpreter two hundred times, and each would compile all modules again.
test: $(SETUP) ## Run the tests
	@$(BIN)/python -m compileall -q -j 0 vonage_messages  # in a fresh clone: once, and not in each process that tests
	@$(PYTEST) --ignore=tests/packaging -m 'not long' $(ARGS)

test-long: $(SETUP) ## Run the tests of campaigns for which three minutes have no room (half a minute)
	@$(PYTEST) -m long tests/benchmarks $(ARGS)

test-packaging: $(PACKAGING_SETUP) $(WHEELS) ## Build the wheel, install it into environments of its own, and try it there
	@VONAGE_WHEELHOUSE=$(abspath $(WHEELHOUSE)) $(PYTEST) tests/packaging $(ARGS)

test-browser: $(BROWSER_SETUP) ## Drive the web inbox with Chromium (installs it on Debian, as root)
	@tests/browser/find-chromium.sh >/dev/null
	@$(BIN)/python -m pytest -q tests/browser $(ARGS)

docs: $(DOCS_SETUP) ## Run every program of README and documentation, and build the site (build/docs)
	@$(PYTEST) tests/site $(ARGS)
	@$(BIN)/python -m sphinx --quiet --fresh-env --nitpicky --fail-on-warning --builder html docs build/docs
	@echo "build/docs/index.html"

test-pythons: ## Run the tests with each of PYTHONS="python3.12 python3.13 python3.14" that is there (5 minutes each)
	@for python in $(PYTHONS); do \
		$$python --version 2>/dev/null || { echo "$$python is not there"; continue; }; \
		$(MAKE) --no-print-directory test PYTHON=$$python VENV=$(OTHERS)/$$python || exit 1; \
	done

test-lowest: BIN = $(OTHERS)/lowest/bin
test-lowest: $(LOWEST_SETUP) ## Run the tests with the lowest version of every library that pyproject.toml allows (5 minutes)
	@$(PYTEST) --ignore=tests/packaging --ignore=tests/simulator/test_schemathesis.py $(ARGS)

lint: $(SETUP) ## Check style, formatting and the floors of the house
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

format: $(SETUP) ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(SETUP) $(TYPES_SETUP) ## Check the types with mypy, and what users see of them with pyright too
	@$(BIN)/mypy
	@$(BIN)/basedpyright --pythonpath $(BIN)/python
	@PYTHONPATH=$(CURDIR) $(BIN)/basedpyright --pythonpath $(BIN)/python --verifytypes vonage_messages --ignoreexternal --outputjson \
		| $(BIN)/python tests/type_completeness.py

check: test test-packaging lint types ## Run tests, lint and types

benchmark: $(SETUP) ## Print what a token, a webhook and the receiving of many cost
	@$(BIN)/python benchmarks/token_cost.py
	@$(BIN)/python benchmarks/webhook_parsing.py
	@$(BIN)/python benchmarks/webhook_adapter.py

bench: $(SETUP) ## Compare sending, limiting and the outbox with their peers (half an hour; results under build/)
	@mkdir -p build/benchmarks/results
	@$(BIN)/python benchmarks/send_throughput.py
	@$(BIN)/python benchmarks/limiter.py --json build/benchmarks/results/limiter.json
	@$(BIN)/python benchmarks/queue_memory.py --json build/benchmarks/results/queue_memory.json
	@$(BIN)/python benchmarks/outbox_store.py
	@$(BIN)/python benchmarks/outbox.py

# What is measured takes memory of its own: tests of memory run without.
coverage-knowledge: $(SETUP) ## Check that the tests of what waits for nothing pass every branch of it (1 minute)
	@rm -rf build/coverage
	@$(COVERAGE) run -m pytest -q -n $(WORKERS) --maxprocesses 4 --dist worksteal --hypothesis-profile nothing-made-up -k 'not memory_does_not_grow' $(KNOWLEDGE)
	@$(COVERAGE) combine -q
	@$(BIN)/python benchmarks/coverage_bounds.py --knowledge

coverage: $(SETUP) ## Measure what all tests cover, floor by floor, and that it is enough (8 minutes)
	@rm -rf build/coverage
	@$(COVERAGE) run -m pytest -q -n $(WORKERS) --maxprocesses 4 --dist worksteal --ignore=tests/packaging $(ARGS)
	@$(COVERAGE) combine -q
	@$(COVERAGE) report
	@$(BIN)/python benchmarks/coverage_bounds.py

example-times: $(SETUP) ## Check that the examples of queues and outboxes end within seconds (20 seconds)
	@$(BIN)/python benchmarks/example_times.py

soak: $(SETUP) ## Send and receive for ten minutes as fast as this machine can, and look at the memory (15 minutes)
	@mkdir -p build/benchmarks/results
	@$(BIN)/python benchmarks/soak.py --plot build/benchmarks/results/soak.png --json build/benchmarks/results/soak.json

campaign-faults: $(SETUP) ## Send 150,000 messages through a network that misbehaves, and compare both sides (15 minutes)
	@$(BIN)/python benchmarks/campaign_faults.py

campaign-limits: $(SETUP) ## Send for a minute under the published limits, and check every window (3 minutes)
	@$(BIN)/python benchmarks/campaign_limits.py

campaign-shared-limits: $(SETUP) ## Send for a minute from four processes that share a limit, in eight ways (5 minutes)
	@$(BIN)/python benchmarks/campaign_shared_limits.py

campaign-kills: $(SETUP) ## Kill a bulk send a hundred times, and count every row (10 minutes)
	@$(BIN)/python benchmarks/campaign_kills.py

campaign-shutdown: $(SETUP) ## Cancel, close and kill clients, queues, outboxes and receivers at random (10 minutes)
	@$(BIN)/python benchmarks/campaign_shutdown.py

campaign-workers: $(SETUP) ## Kill workers, PostgreSQL and Redis in mid-campaign, and count every message (10 minutes)
	@$(BIN)/python benchmarks/campaign_workers.py

campaign-schemathesis: $(SETUP) ## Throw made-up requests at both APIs of the simulator (some 15,000; 5 to 10 minutes)
	@$(BIN)/python benchmarks/campaign_schemathesis.py

audit: $(SETUP) ## List what users install with it, which version was tested, and since when (knows no vulnerability)
	@$(BIN)/python benchmarks/dependencies.py

campaign-expressions: $(SETUP) ## Time every regular expression on texts made against it (1 minute)
	@$(BIN)/python benchmarks/expressions.py

campaign-fuzz: $(SETUP) ## Throw ten million hostile inputs at every door of the package (some 10 minutes)
	@mkdir -p build/benchmarks/results
	@$(BIN)/python benchmarks/campaign_fuzz.py --json build/benchmarks/results/campaign_fuzz.json

campaign-fuzz-webhooks: $(SETUP) ## Parse a million mutated webhooks (over a minute)
	@$(BIN)/python benchmarks/fuzz_webhooks.py

clean: ## Remove the environment and every cache
	rm -rf $(VENV) $(OTHERS) $(WHEELHOUSE) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(SETUP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, and $(PYTHON) is %d.%d: say make PYTHON=python3.12 (or whichever you have)" % sys.version_info[:2])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up $(VENV) (once; half a minute)"
	@$(call twice,$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]')
	@touch $@

# What drives a browser: fifty megabytes, and only for the tests that do.
$(BROWSER_SETUP): $(SETUP)
	@echo "Setting up Playwright (once)"
	@$(call twice,$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[browser-tests]')
	@touch $@

# What builds the site, and runs the programs on its pages.
$(DOCS_SETUP): $(SETUP)
	@echo "Setting up Sphinx (once)"
	@$(call twice,$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]')
	@touch $@

# What looks at the two files that are published.
$(PACKAGING_SETUP): $(SETUP)
	@echo "Setting up twine (once)"
	@$(call twice,$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[packaging]')
	@touch $@

$(LOWEST_SETUP): pyproject.toml constraints.txt tests/lowest_versions.py
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@echo "Setting up $(@D) (once; a minute)"
	@$(@D)/bin/python tests/lowest_versions.py > $(@D)/constraints.txt
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(@D)/constraints.txt --editable '.[all,tests]'
	@touch $@

# Pyright, with the node that it runs on: two hundred megabytes on the disk, and only for those who check types.
$(TYPES_SETUP): $(SETUP)
	@echo "Setting up pyright (once)"
	@$(call twice,$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[types]')
	@touch $@

# What the tests of the built package install without a network: Vonage's own SDK package, our dependencies, pytest.
$(WHEELS): constraints.txt Makefile $(SETUP)
	@mkdir -p $(WHEELHOUSE)
	@echo "Fetching wheels for the tests (once)"
	@$(call twice,$(BIN)/python -m pip download --quiet --disable-pip-version-check --only-binary :all: --dest $(WHEELHOUSE) \
		--constraint constraints.txt 'vonage-messages==1.8.1' aiohttp attrs cattrs pyjwt cryptography pytest \
		click rich aiohttp-jinja2 jinja2)
	@touch $@
