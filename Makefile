# The tasks, for people and for CI. Each one first makes .venv from nothing and installs into it;
# a second run installs nothing unless pyproject.toml or constraints.txt changed.

PYTHON = python3
VENV   = .venv
ARGS   =

PY        = $(VENV)/bin/python
INSTALLED = $(VENV)/installed

# An exported notebook may fetch nothing: an empty script stands in for each of the two that nbconvert links to.
OFFLINE = --HTMLExporter.require_js_url=data:, --HTMLExporter.mathjax_url=data:,

# What stands on DuckDB runs on its older version too, in an environment of its own.
OLDER       = .venv-duckdb-1.5
OLDER_TESTS = tests/conformance tests/proof/test_kills.py tests/proof/test_machine.py tests/proof/test_machine_on_file.py tests/property tests/test_append_all.py tests/test_commit.py tests/test_lab.py \
              tests/test_reading.py tests/test_shared_file.py tests/test_store_duckdb.py tests/test_store_load.py tests/test_stream.py \
              tests/test_tiers.py tests/test_transaction.py

# Sphinx does not go with the docutils that marimo brings, so the pages are made in an environment of their own.
DOCS = .venv-docs

# Signals that these tests send would hit a worker of pytest-xdist, so they run in a process of their own.
ALONE = tests/proof/test_interrupts.py

# Without it a kernel warns at its start that what is said to it could be overheard.
ENCRYPTED = --KernelManager.transport_encryption=auto

.PHONY: help install lab test older lint format types doctest tour docs bench clean

help: ## show the tasks
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

install: $(INSTALLED) ## make .venv and install everything into it

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "funes_lab needs Python 3.11 or later. Name one: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install -qq --disable-pip-version-check -c constraints.txt -e ".[lab,test]"
	@touch $@

lab: $(INSTALLED) ## open JupyterLab on the tour (ARGS="--no-browser --port 8899")
	$(PY) -m funes_lab lab $(ARGS)

test: lint types ## lint, types, doctests and every test (ARGS="-k errors")
	$(PY) -m pytest -q -p no:xdist $(ALONE)
	$(PY) -m pytest -n auto --dist loadfile $(ARGS)

older: $(OLDER)/installed ## the tests of the log on DuckDB 1.5
	$(OLDER)/bin/python -m pytest -n auto --dist loadfile -p no:cacheprovider $(OLDER_TESTS) $(ARGS)

$(OLDER)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(OLDER)
	sed 's/^duckdb==.*/duckdb==1.5.*/' constraints.txt > $(OLDER)/constraints.txt
	$(OLDER)/bin/python -m pip install -qq --disable-pip-version-check -c $(OLDER)/constraints.txt -e ".[test]"
	@touch $@

lint: $(INSTALLED) ## check style and layout
	$(PY) -m ruff check --quiet
	$(PY) -m ruff format --quiet --check

format: $(INSTALLED) ## lay the code out, mend what can be mended
	$(PY) -m ruff check --quiet --fix-only
	$(PY) -m ruff format --quiet

types: $(INSTALLED) ## check the types
	$(PY) -m mypy

doctest: $(INSTALLED) ## run the examples in the docstrings only
	$(PY) -m pytest funes_lab $(ARGS)

tour: $(INSTALLED) ## execute the tour without a browser into build/tour.html
	$(PY) -m nbconvert --log-level ERROR --execute --to html --embed-images $(OFFLINE) $(ENCRYPTED) \
		--output-dir build --output tour.html notebooks/00_tour.ipynb

docs: $(DOCS)/installed ## the documentation into build/docs, every link of it checked
	rm -rf build/docs
	$(DOCS)/bin/python -m sphinx -W --keep-going -n -q -E -a -b html -d build/doctrees docs build/docs
	$(DOCS)/bin/python docs/check.py build/docs

$(DOCS)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(DOCS)
	sed 's/^docutils==.*/docutils==0.22.4/' constraints.txt > $(DOCS)/constraints.txt
	$(DOCS)/bin/python -m pip install -qq --disable-pip-version-check -c $(DOCS)/constraints.txt -e ".[docs]"
	@touch $@

bench: $(VENV)/installed-bench ## run the benchmarks (ARGS="append" for one of them)
	$(PY) -m benchmarks $(ARGS)

# What the replay is measured against is installed for the benchmarks only.
$(VENV)/installed-bench: $(INSTALLED)
	$(PY) -m pip install -qq --disable-pip-version-check -c constraints.txt -e ".[bench]"
	@touch $@

clean: ## remove .venv and everything else that a task makes
	rm -rf $(VENV) $(OLDER) $(DOCS) build dist docs/course docs/data .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
