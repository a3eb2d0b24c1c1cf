# The commands of README, CONTRIBUTING and .ci/run, by short names. `make` prints them.
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
NAME :=

.PHONY: help setup run monitor test quick cover browser lint types format bench package lock audit ci

help: ## print these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

setup: ## make .venv with everything that development needs
	python3 -m venv .venv && .venv/bin/pip install -r requirements-dev.txt

run: ## open the dashboard, which starts a monitor
	.venv/bin/streamlit run streamlit_app.py

monitor: ## watch as root, without the dashboard
	sudo $(PYTHON) monitor_service.py

test: ## run every test, with lint, types and import contracts
	$(PYTHON) -m pytest -n 4

quick: ## run the quick tests of single modules
	$(PYTHON) -m pytest -q -n 4 -m "not long" tests/unit

cover: ## run the quick tests, and list the lines that they do not reach
	$(PYTHON) -m pytest -q -n 4 -m "not long and not browser" --cov --cov-report=term-missing:skip-covered tests/unit

browser: ## run the tests of the page in a Chromium
	$(PYTHON) -m pytest -q -n 2 -m browser

lint: ## check format, code and import contracts
	.venv/bin/ruff format --check . && .venv/bin/ruff check . && .venv/bin/lint-imports

types: ## check types
	.venv/bin/mypy

format: ## format the code, and mend what ruff can mend
	.venv/bin/ruff format . && .venv/bin/ruff check --fix .

bench: ## list the benchmarks; NAME=idle runs one
	$(PYTHON) -m benchmarks $(NAME)

package: ## build the wheel and the sdist into dist/
	$(PYTHON) -m hatchling build -d dist

lock: ## renew requirements.lock, with pip-tools
	$(PYTHON) -m piptools compile --generate-hashes --strip-extras --no-header --no-emit-options \
		-o requirements.lock requirements.txt

audit: ## ask for advisories about the locked packages
	.ci/audit

ci: ## install what the tests use beside Python, then run everything that CI runs
	.ci/run
