# `make demo`, `check`, `test`, `test-all` and `docs` make the environment that they need, once for each state of pyproject.toml.

PYTHON ?= python3
VENV ?= .venv
INSTANCE ?= instances/loading/resnet-detection-60x600.json
TIME_LIMIT ?= 8

export PYTHONDONTWRITEBYTECODE := # the many processes of the tests read what the first compiled

READY := $(VENV)/ready-$(shell cksum < pyproject.toml | cut -d ' ' -f 1)
LOCK := $(if $(shell command -v flock),flock .venv.lock)

.PHONY: demo check test test-all test-lowest test-pythons docs release-check

demo: $(READY)
	$(VENV)/bin/edgeopt info $(INSTANCE)
	$(VENV)/bin/edgeopt compare $(INSTANCE) --time-limit $(TIME_LIMIT)

check: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/python tools/check_types.py
	$(VENV)/bin/python -m pytest -q tests/test_layers.py

test: $(READY)
	$(VENV)/bin/python -m pytest -n auto --dist worksteal -m "not slow"

test-all: $(READY)
	$(VENV)/bin/python -m pytest -n auto --dist worksteal

test-lowest test-pythons: test-%:
	sh -e tools/test_versions.sh $*

docs: $(READY)
	$(VENV)/bin/python -m pip install --disable-pip-version-check -q -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build

release-check: $(READY)
	sh -e tools/release_check.sh $(VENV)/bin/python

$(READY):
	@$(PYTHON) -c "import sys; sys.version_info >= (3, 11) or sys.exit('Python 3.11 or newer is needed: make PYTHON=...')"
	$(LOCK) sh -e tools/make_environment.sh $(PYTHON) $(VENV) $(READY)
