# `make check` is the quick part of `./tradepool test`; `make lock` resolves the dependencies anew.
UV := .venv/bin/uv
COMPILE := $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet

.PHONY: check test lock format mutants

check:
	@./tradepool test --quick

test:
	@./tradepool test

format:
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

# Mutants of the money and of risk, in a copy; it may be stopped and goes on where it was.
mutants:
	@mkdir -p build/mutants && git archive HEAD | tar -x -C build/mutants
	@cd build/mutants && PYTHONPATH=$(CURDIR)/.venv/lib/python3.11/site-packages \
		$(CURDIR)/$(UV) tool run --python $(CURDIR)/.venv/bin/python mutmut run $(NAMES)

# The dev lock is constrained by the runtime lock, so both hold the same versions of what they share.
lock:
	$(COMPILE) requirements/uv.in -o requirements/uv.lock
	$(COMPILE) pyproject.toml requirements/build.in -o requirements.lock
	$(COMPILE) pyproject.toml requirements/build.in requirements/dev.in -c requirements.lock -o requirements-dev.lock
