# Needs Python >= 3.11 with venv, and make. Everything else comes from requirements.lock.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

help:
	@echo "make demo    two countries, a handoff, a race and a withdrawal on real servers"
	@echo "make test    every test but the long ones"
	@echo "make soak    long kills and simulations"
	@echo "make check   ruff, mypy --strict, import contracts, house limits"
	@echo "make freeze  release new schemas, freeze their bytes, write computed pages"
	@echo "make bench   one JSON line per benchmark: ours, baseline, ratio"
	@echo "make up      a node per country, until Ctrl-C"
	@echo "make clean   remove the environment and every cache"

demo: venv
	@$(BIN)/ledger demo

# Three processes: one has the end-to-end tests, the others work while these wait.
test: venv
	@$(BIN)/python -m pytest -n 3 --no-loadscope-reorder

# `make soak SOAK="soak and not long"` leaves out what takes a quarter of an hour.
SOAK ?= soak
soak: venv
	@$(BIN)/python -m pytest -m "$(SOAK)" -n 2 --no-loadscope-reorder --timeout 3000 -o faulthandler_timeout=2900

check: venv
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache >/dev/null || $(BIN)/lint-imports --no-cache
	@$(BIN)/python -m pytest -q tests/contract/test_house.py

# One process each: what was released is read when a program starts.
freeze: venv
	@for one in events.release tests.vectors tests.unit.test_step_matrix tests.wire_blocks \
	  tests.contract.test_docs; do $(BIN)/python -m $$one || exit 1; done

bench: venv
	@$(BIN)/ledger bench

up: venv
	@$(BIN)/ledger up

# .ready is written last and holds the lock's hash: a torn or an old environment is made anew.
venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3" >&2; exit 1; }
	@lock=$$($(PYTHON) -c 'import hashlib; \
	  print(hashlib.sha256(open("requirements.lock", "rb").read()).hexdigest())') && \
	if [ "$$lock" != "$$(cat $(VENV)/.ready 2>/dev/null)" ]; then \
	  $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "Python lacks venv: on Debian, install the package python3-venv" >&2; exit 1; }; \
	  echo "making $(VENV) (once, about half a minute)" >&2; \
	  $(PYTHON) -m venv --clear $(VENV) && \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes \
	    -r requirements.lock && \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps \
	    --no-build-isolation -e . && \
	  echo "$$lock" > $(VENV)/.ready; \
	fi

clean:
	@rm -rf $(VENV) build dist .coverage* .hypothesis .import_linter_cache .mypy_cache \
	  .pytest_cache .ruff_cache

.PHONY: help demo test soak check freeze bench up venv clean
