# make demo   a small application with a login, on 127.0.0.1
# make test   everything that a change must pass (sets up what it needs)
# make lint   formatting, style, types      make docs   the documentation
# make screenshots  the pictures of the built-in pages in docs/images
# make catalogues   the texts of the built-in pages in other languages, after a change of the English ones
# make bench  the benchmark's table and plot     make soak   slow soaks and fuzzing

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
# how many tests run side by side; those that measure time run alone, after the others
WORKERS ?= 3
# of a few tests that were asked for, all may be of the one kind or the other (pytest: 5)
MAY_BE_EMPTY := $(if $(PYTEST_ARGS),|| [ $$? -eq 5 ])

.PHONY: demo test lint types docs screenshots catalogues bench soak clean

$(VENV)/demo.stamp: setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -e '.[htpasswd,serve]'
	touch $@

$(VENV)/dev.stamp: setup.py requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -e '.[all]' -r requirements-dev.txt
	touch $@

demo: $(VENV)/demo.stamp
	$(BIN)/wsgi-auth demo $(DEMO_ARGS)

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m "not soak and not alone" -n $(WORKERS) --dist loadfile $(PYTEST_ARGS) $(MAY_BE_EMPTY)
	$(BIN)/python -m pytest -m "not soak and alone" $(PYTEST_ARGS) $(MAY_BE_EMPTY)

lint: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: $(VENV)/dev.stamp
	$(BIN)/sphinx-build -W -n --keep-going -b html docs docs/_build/html

screenshots: $(VENV)/dev.stamp
	$(BIN)/python docs/screenshots.py

catalogues: $(VENV)/dev.stamp
	$(BIN)/python tools/catalogues.py

bench: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks

soak: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m soak $(PYTEST_ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info docs/_build .pytest_cache .mypy_cache .ruff_cache
