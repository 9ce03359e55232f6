# The commands of the README. Each sets up what it needs in .venv, on a machine with Python 3.11.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo serve test test-slow test-ha test-clients contract lint audit bench lock clean

demo: .venv/runtime ## Play two handhelds that went offline
	$(BIN)/stockledger demo

serve: .venv/runtime ## Serve the API on http://127.0.0.1:8000
	$(BIN)/stockledger serve

test: lint ## Lint, types, import rules and all tests
	$(BIN)/pytest -n 3 --dist worksteal

test-slow: .venv/dev ## Tests that take over 10 seconds each
	$(BIN)/pytest -m slow

test-ha: .venv/ha ## PostgreSQL under Patroni; needs etcd, on Debian the package etcd-server
	$(BIN)/pytest -m high_availability

test-clients: .venv/clients ## Clients that others make of openapi.json, in Python and on Node
	$(BIN)/pytest -m clients

contract: .venv/dev ## Write openapi.json anew, after a change of the API that is meant
	$(BIN)/python -m tests.support.contract

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: .venv/dev ## Known vulnerabilities of what is pinned; asks pypi.org
	$(BIN)/pip-audit --require-hashes --requirement requirements-postgres.txt

bench: .venv/dev ## The project's own measurements
	$(BIN)/python -m benchmarks

lock: .venv/dev ## Pin the newest versions that pyproject.toml allows
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --upgrade --no-header \
		--python-version 3.11 pyproject.toml requirements-build.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header -c requirements.txt \
		--python-version 3.11 --extra postgres \
		pyproject.toml requirements-build.in -o requirements-postgres.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header \
		-c requirements-postgres.txt --python-version 3.11 --extra dev --extra postgres \
		pyproject.toml requirements-build.in -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header \
		-c requirements-dev.txt --python-version 3.11 --extra ha \
		pyproject.toml requirements-build.in -o requirements-ha.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --upgrade --no-header \
		--python-version 3.11 requirements-clients.in -o requirements-clients.txt

clean:
	rm -rf .venv

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

.venv/ha: requirements-ha.txt .venv/dev
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-ha.txt
	touch $@
