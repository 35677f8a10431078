# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0

# The first Python 3.10 to 3.12 on the path (what the ROS 2 wheels exist for); PYTHON=... chooses another.
RIGHT := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.10; do \
	$$p -c '$(RIGHT)' 2>/dev/null && echo $$p && break; done)
TORCH ?= torch==2.13.0
EXTRAS := ros,torch,onnx,openvino,bags,plot,report,video,web,view,train
PIP := .venv/bin/python -m pip install -qq --disable-pip-version-check --prefer-binary
# a sourced ROS or another venv would lend us its packages, and its message would hide ours
unexport ROS_DISTRO AMENT_PREFIX_PATH CMAKE_PREFIX_PATH PYTHONPATH RMW_IMPLEMENTATION _ROS_WHEELS_BOOTSTRAP_COMPLETE
# what, when it changes, asks for a new installation
SETUP := pyproject.toml setup.py $(wildcard message_build/*.py msg/*.msg)

# what depends on OpenCV, NumPy, PyAV and rosbags, and needs neither ROS nor what training needs
FLOOR_TESTS := $(addprefix test/test_,$(addsuffix .py,encoded_image resize camera camera_info rectify cloud media \
	estimator infer infer_video bags bag_run labels data_check))
FLOOR := .venv-floor/bin/python

.PHONY: help demo test test-floor check bench docs colcon-check clean
help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/.runtime ## run the depth node on the bundled bag; the pictures land in out/demo
	@.venv/bin/python -m dav2_ros.demo

test: .venv/.tests ## run the test suite (PYTEST_ARGS='-k camera' for a part of it)
	@.venv/bin/python -m pytest $(PYTEST_ARGS)

test-floor: .venv-floor/.tests ## run the core tests with the oldest libraries that are promised
	@$(FLOOR) -m pytest $(FLOOR_TESTS) -k 'not bench_of_loaders' $(PYTEST_ARGS)

check: .venv/.ruff ## lint and check the format
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .

bench: .venv/.tests ## measure every engine, the node and what is around them (BENCH_ARGS=engines for a part)
	@.venv/bin/python bench/run.py $(BENCH_ARGS)

docs: .venv/.docs ## build the documentation as a site, out/site/index.html
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict
	@echo 'out/site/index.html is the first page'

colcon-check: .venv/.runtime ## build with colcon from PyPI wheels, both ways, and run the built node
	@.ci/colcon-check
	@.ci/colcon-check --symlink-install

clean: ## remove what was built; .venv keeps its packages, out its training runs
	rm -rf build dist install log out/demo .venv-floor/.tests *.egg-info dav2_ros/msg dav2_ros/*.so .venv/.runtime .venv/.tests
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

.venv/bin/python:
	@test -n '$(PYTHON)' || { echo 'dav2_ros needs Python 3.10, 3.11 or 3.12: install one, or name it with make PYTHON=...'; exit 1; }
	@$(PYTHON) -c '$(RIGHT)' || { echo '$(PYTHON) is not Python 3.10, 3.11 or 3.12, which the ROS 2 wheels need.'; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo '$(PYTHON) has no venv module: apt install python3-venv'; exit 1; }
	@$(PYTHON) -c 'import os, sysconfig; open(os.path.join(sysconfig.get_path("include"), "Python.h"))' 2>/dev/null \
		|| { echo '$(PYTHON) has no C headers (Python.h): apt install python3-dev'; exit 1; }
	@command -v c++ >/dev/null || command -v g++ >/dev/null \
		|| { echo 'dav2_ros compiles its ROS message and finds no C++ compiler: apt install g++'; exit 1; }
	@echo "making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv

.venv-floor/.tests: .ci/floor-requirements.txt | .venv/bin/python
	@echo 'making .venv-floor with the oldest libraries that are promised'
	@test -e $(FLOOR) || .venv/bin/python -m venv .venv-floor
	@$(FLOOR) -m pip install -qq --disable-pip-version-check --prefer-binary '$(TORCH)' -r .ci/floor-requirements.txt
	@site=$$($(FLOOR) -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
		&& echo '$(CURDIR)' > "$$site/dav2_ros.pth" && ln -sfn '$(CURDIR)/training' "$$site/dav2_training"
	@touch $@

.venv/.ruff: | .venv/bin/python
	@$(PIP) 'ruff>=0.6'
	@touch $@

.venv/.docs: pyproject.toml | .venv/bin/python
	@$(PIP) 'mkdocs>=1.6' 'mkdocs-material>=9.5'
	@touch $@

.venv/.torch: | .venv/bin/python
	@echo 'installing $(TORCH)'
	@$(PIP) '$(TORCH)'
	@touch $@

.venv/.runtime: $(SETUP) .venv/.torch
	@echo 'installing dav2_ros with ROS 2 Kilted, ONNX Runtime, OpenVINO and the bag tools, and compiling its message'
	@$(PIP) -e '.[$(EXTRAS)]'
	@$(CHECK_MESSAGE)
	@touch $@

.venv/.tests: $(SETUP) .venv/.torch
	@echo 'installing dav2_ros with ROS 2 Kilted and everything the tests need, and compiling its message'
	@$(PIP) -e '.[$(EXTRAS),test]'
	@$(CHECK_MESSAGE)
	@touch .venv/.runtime $@

CHECK_MESSAGE = .venv/bin/python -c 'from dav2_ros.msg import InferenceStats' 2>/dev/null \
	|| { echo 'dav2_ros.msg was not built; .venv/bin/pip install -v --no-deps -e . says why'; exit 1; }
