# Needs git, make and a Python from 3.10 to 3.13; everything else is installed into .venv-$(AIRFLOW).
#   make demo AIRFLOW=3.2          with the other supported Airflow
#   make test ARGS="-k oauth2"     further arguments
#   make up PORT=8080              Airflow on this port
#   make ... PYTHON=python3.12     another interpreter
#   make ... USE_UV=0              pip even where uv is installed

AIRFLOW ?= 3.3
PYTHON ?=
PORT ?=
ARGS ?=
WORKERS ?= 3
SEED ?= 1
COUNTS ?= token_responses=1000000 callbacks=200000 connectors=200000 signatures=100000 jwts=100000 minted=100000
VENV := .venv-$(AIRFLOW)
BIN := $(CURDIR)/$(VENV)/bin
RUN := PATH="$(BIN):$$PATH" "$(BIN)/python"

.DEFAULT_GOAL := help
.PHONY: help setup demo up acme test test-distributed faults attacks fuzz lint docs bench clean

help: ## Say what can be done
	@echo "usage: make TARGET [AIRFLOW=3.3|3.2] [PYTHON=python3.12] [ARGS=...]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s%s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## Make the environment, or renew it after a change of dependencies
	@python=$$(sh scripts/find_python.sh $(PYTHON)) && \
		"$$python" scripts/environment.py --airflow $(AIRFLOW) $(if $(PYTHON),,--any-python)

demo: setup ## Start Airflow and a small service, run the example DAGs, show what they did, stop
	@$(RUN) -m scripts.demo run $(ARGS)

up: setup ## The same, and stay up for clicking until Ctrl-C
	@$(RUN) -m scripts.demo up $(if $(PORT),--port $(PORT)) $(ARGS)

acme: setup ## Start the demo's small service alone, for the tutorial, until Ctrl-C
	@$(RUN) -m scripts.demo.saas --alone --port $(if $(PORT),$(PORT),8600) $(ARGS)

test: setup ## Run all tests, by WORKERS processes (3)
	@$(RUN) -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder $(ARGS)

faults: setup ## Run the long fault tests of the broker: stampedes, kills, frozen holders, lost databases
	@INTEGRY_FAULTS=1 $(RUN) -m pytest -s tests/faults $(ARGS)

test-distributed: ## Run two Celery workers, two API servers, PostgreSQL and Redis (from the system); about two minutes
	@python=$$(sh scripts/find_python.sh $(PYTHON)) && \
		"$$python" scripts/environment.py --airflow $(AIRFLOW) --folder $(VENV)-distributed --group distributed \
		$(if $(PYTHON),,--any-python)
	@"$(CURDIR)/$(VENV)-distributed/bin/python" -m pytest tests/distributed $(ARGS)

attacks: setup ## Run the tests that stand against threats; ARGS="T05 T20" for some of them
	@$(RUN) -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder $$($(RUN) tests/security/threats.py $(ARGS))

fuzz: setup ## Try COUNTS of hostile inputs, made from SEED (1)
	@INTEGRY_FUZZ="$(COUNTS)" INTEGRY_FUZZ_SEED="$(SEED)" $(RUN) -m pytest -s tests/security/test_fuzz_long.py $(ARGS)

lint: setup ## Check style, types and import rules
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@"$(BIN)/lint-imports"

docs: setup ## Build the documentation, strictly, into site/
	@$(RUN) -m mkdocs build --strict -f docs/mkdocs.yml -d $(CURDIR)/site $(ARGS)

bench: setup ## Measure, side by side with what else one would use; about half an hour
	@$(RUN) benchmarks/run.py $(ARGS)

clean: ## Remove environments, caches and what the demo left
	rm -rf .venv-* .demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
