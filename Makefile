# `make lab` starts the lab, `make test` runs the tests; each sets up what is missing first.
# Another interpreter: make PYTHON=/path/to/python3.13

VENV := .venv
STAMP := $(VENV)/.installed

# The distribution's interpreter comes first: Debian's is built with profile feedback, most others are not.
PYTHON ?= $(shell /usr/bin/python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo /usr/bin/python3 || echo python3)

# By environment, because this way the pins hold for the isolated build of the project too.
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help lab test test-compose check format bench constraints clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

lab: $(STAMP)  ## start the lab of the default topology, with nothing in its databases; Ctrl-C ends it
	@$(VENV)/bin/posturelab up --fresh

test: $(STAMP)  ## run all tests
	@$(VENV)/bin/python -m pytest

test-compose: $(STAMP)  ## build the image, run the compose file and test the lab in its containers
	@$(VENV)/bin/python -m pytest tests/compose

check: $(STAMP)  ## lint, format, types, imports
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo

format: $(STAMP)  ## format the code and repair what can be repaired
	@$(VENV)/bin/ruff format
	@$(VENV)/bin/ruff check --fix

bench: $(STAMP)  ## measure nodes, directory and broker, each beside a peer (docs/performance.md)
	@$(VENV)/bin/python bench/directory.py
	@$(VENV)/bin/python bench/rabbitmq.py
	@$(VENV)/bin/python bench/deployment.py
	@$(VENV)/bin/python bench/radius.py

constraints:  ## pin the newest versions that pyproject.toml allows
	@rm -rf build/pins && $(PYTHON) -m venv build/pins
	@env -u PIP_CONSTRAINT -u PIP_BUILD_CONSTRAINT build/pins/bin/pip install -q -e '.[dev]' hatchling editables
	@{ sed -n '/^#/p' constraints.txt; build/pins/bin/pip freeze --exclude-editable; } > build/constraints.txt
	@mv build/constraints.txt constraints.txt && rm -rf build/pins

clean:  ## remove the virtual environment and everything that was built or cached
	@rm -rf $(VENV) build dist bench/build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing what the lab needs into $(VENV)"
	@$(VENV)/bin/python -m pip install -q -e '.[dev]'
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "Posture Lab needs Python 3.11 or newer, and $(PYTHON) is missing or older. Name another:" \
			"make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu:" \
			"apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
