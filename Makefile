# Two commands: `make demo` shows what the package does, `make test` checks it. Both make the environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv pip install --compile-bytecode --python $(BIN)/python

.PHONY: setup dev demo test lint docs dist package clean machine system-libraries

setup: $(VENV)/.installed
dev: $(VENV)/.installed-dev

# Before gigabytes are downloaded: a Python that the packages support, and what they need of the machine. Root installs it.
define check_machine
@command -v $(PYTHON) >/dev/null || { echo 'There is no $(PYTHON): install Python 3.10, 3.11 or 3.12, or run make with PYTHON=...'; exit 1; }
@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 10) <= v <= (3, 12) else "Python %d.%d is not supported: run make with PYTHON=python3.11 (3.10 to 3.12)." % v)'
@$(PYTHON) -I s3im_methods/machine.py
endef

machine:
	$(check_machine)

# uv keeps one copy of every package in the user's cache and links it, so that a second environment is quick and small. Bytecode is
# compiled at once, because every ns-* command imports thousands of modules.
$(BIN)/uv:
	$(check_machine)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

# OpenCV and Open3D link libraries of the system.
$(VENV)/.installed: $(BIN)/uv pyproject.toml
	$(UV) --editable .
	@$(BIN)/python -c 'import cv2, open3d' || { $(PYTHON) -I s3im_methods/machine.py && $(BIN)/python -c 'import cv2, open3d'; }
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(UV) --editable ".[dev]"
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(UV) --editable ".[docs]"
	@touch $@

system-libraries:
	@$(PYTHON) -I s3im_methods/machine.py --list

demo: setup
	$(BIN)/s3im demo $(if $(METHOD),--method $(METHOD)) --output-dir demo

# Two processes of one thread each: torch's threads spin while they wait, so that two processes of two would stand in each
# other's way, and most of the time goes into the imports of ns-* commands, which use one thread anyway.
test: dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# Into site/. Links and anchors that lead nowhere are errors, but would not be with --quiet, because mkdocs counts the
# warnings that it prints. The variable leaves out the theme's advertisement for its successor.
docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 OMP_NUM_THREADS=1 $(BIN)/mkdocs build --strict

# Into dist/: what is published on PyPI.
dist: $(BIN)/uv
	rm -rf dist
	$(BIN)/uv build --quiet --out-dir dist

# What is published holds every file of the package, and works in an environment that does not see this folder.
package: dist
	@list=$$($(BIN)/python -m zipfile --list dist/*.whl); for file in $$(git ls-files s3im_methods); do \
		case "$$list" in *"$$file "*) ;; *) echo "The wheel lacks $$file"; exit 1;; esac; done
	rm -rf build/fresh
	$(PYTHON) -m venv build/fresh
	$(BIN)/uv pip install --python build/fresh/bin/python dist/*.whl
	build/fresh/bin/python -m pip check
	cd build/fresh && bin/ns-train --help | grep s3im-nerfacto

# Trainings, which ns-train writes to outputs, stay.
clean:
	rm -rf $(VENV) demo site build dist *.egg-info
