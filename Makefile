# make demo and make test need only Python >= 3.11 and make; both rest on a .venv of their own.
PYTHON ?= python3
export OMP_NUM_THREADS ?= 1
# what is imported is compiled once, not by each of the hundreds of processes that tests start
unexport PYTHONDONTWRITEBYTECODE
STAMP := .venv/.installed
INSTALL := .venv/bin/python -m pip install --quiet --disable-pip-version-check

.PHONY: setup demo test check tests coverage clean

setup: $(STAMP)

.venv/.pip:
	$(PYTHON) -c 'import sys; sys.exit("polyrec needs Python 3.11 or newer; try make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	$(INSTALL) --upgrade 'pip>=25.1'
	touch $@

$(STAMP): pyproject.toml | .venv/.pip
	$(INSTALL) -e .
	touch $@

demo: setup
	.venv/bin/polyrec demo --out demo

# pip would compile all of torch and transformers, one file after another: imports compile what is used
.venv/.installed-dev: pyproject.toml | .venv/.pip
	$(INSTALL) --no-compile -e '.[mcp,remote,serve,speech,tune]' --group dev
	touch $@

check: .venv/.installed-dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/interrogate src
	.venv/bin/deptry .

# a file's tests stay together: what they share is made once; tests/conftest.py orders the files
tests: .venv/.installed-dev
	.venv/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder

test: .venv/.installed-dev
	$(MAKE) --jobs=2 check tests

coverage: .venv/.installed-dev
	.venv/bin/pytest -n 2 --dist loadfile --cov --cov-report=term

clean:
	rm -rf .venv demo
