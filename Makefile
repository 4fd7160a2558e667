# `make check` is the quick part of `./tradepool test`; `make lock` resolves the dependencies anew.
UV := .venv/bin/uv
COMPILE := $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet

.PHONY: check test lock format

check:
	@./tradepool test --quick

test:
	@./tradepool test

format:
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

# The dev lock is constrained by the runtime lock, so both hold the same versions of what they share.
lock:
	$(COMPILE) requirements/uv.in -o requirements/uv.lock
	$(COMPILE) pyproject.toml requirements/build.in -o requirements.lock
	$(COMPILE) pyproject.toml requirements/build.in requirements/dev.in -c requirements.lock -o requirements-dev.lock
