# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Turn .msg files into C, C++ and Python with the generators of the rosidl wheels.

What `rosidl_generate_interfaces` does in CMake, in its order, for our messages, one middleware (Fast DDS) and no CMake.
With a single type support the dispatcher is a plain alias: everything fits one extension module and nothing is looked
up at run time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy
import rosidl_generator_c
import rosidl_generator_py
import rosidl_generator_type_description
import rosidl_typesupport_c
import rosidl_typesupport_fastrtps_c
from rosidl_adapter.msg import convert_msg_to_idl

PACKAGE = 'dav2_ros'
DEPENDENCIES = ('std_msgs', 'builtin_interfaces')


@dataclass(frozen=True)
class Generated:
    """What the compiler and the installer need to know."""

    prefix: Path  # the merged ROS prefix that the wheels form: include/, lib/, share/
    sources: list[str]
    include_dirs: list[str]
    libraries: list[str]
    python: Path  # folder that becomes dav2_ros/msg
    data_files: list[tuple[str, list[str]]]


def generate(msgs: list[Path], out: Path) -> Generated:
    """Generate everything for the files `msgs` (absolute, of one folder) below the folder `out`."""
    prefix = _prefix()
    root = out / PACKAGE
    for folder in (root / 'msg' / 'detail', out / 'index'):
        folder.mkdir(parents=True, exist_ok=True)
    # Paths in IDL tuples are <folder>:<path inside it>, the path being <msg>/<Name>.idl
    idls = [convert_msg_to_idl(msg.parent.parent, PACKAGE, Path('msg') / msg.name, root / 'msg') for msg in msgs]
    _run_generators(prefix, root, idls, msgs)
    (out / 'index' / PACKAGE).write_text(''.join(f'msg/{path.name}\n' for path in (*idls, *msgs)))
    python = root / 'python' / 'msg'
    python.mkdir(parents=True, exist_ok=True)
    for module in (root / 'msg').glob('*.py'):
        module.replace(python / module.name)
    headers = prefix / 'include'  # fastcdr's lie in it, a message package's one folder deeper
    return Generated(
        prefix=prefix,
        sources=sorted(str(path) for path in root.rglob('*.c*')),
        include_dirs=[str(path) for path in (out, numpy.get_include(), headers, *headers.iterdir())],
        libraries=_libraries(),
        python=python,
        data_files=[
            (
                f'share/{PACKAGE}/msg',
                [str(path) for idl, msg in zip(idls, msgs) for path in (msg, idl, idl.with_suffix('.json'))],
            ),
            ('share/ament_index/resource_index/rosidl_interfaces', [str(out / 'index' / PACKAGE)]),
        ],
    )


def _prefix() -> Path:
    for folder in Path(rosidl_generator_c.__file__).resolve().parents:
        if (folder / 'share' / 'rosidl_generator_c' / 'resource').is_dir():
            return folder
    raise RuntimeError(f'no rosidl templates in any folder above {rosidl_generator_c.__file__}')


def _libraries() -> list[str]:
    runtime = 'rosidl_runtime_c rosidl_typesupport_c rosidl_typesupport_fastrtps_c rosidl_typesupport_fastrtps_cpp'
    parts = ('rosidl_generator_c', 'rosidl_generator_py', 'rosidl_typesupport_c', 'rosidl_typesupport_fastrtps_c')
    return [*(f'{name}__{part}' for name in DEPENDENCIES for part in parts), *runtime.split(), 'fastcdr', 'rcutils']


def _run_generators(prefix: Path, root: Path, idls: list[Path], msgs: list[Path]):
    arguments = root / 'arguments.json'

    def arguments_for(generator: str) -> str:
        arguments.write_text(json.dumps(_arguments(prefix, root, idls, msgs, generator)))
        return str(arguments)

    rosidl_generator_type_description.generate_type_hash(arguments_for('rosidl_generator_type_description'))
    for generator in ('rosidl_generator_c', 'rosidl_typesupport_fastrtps_c'):
        name = f'{generator}__visibility_control.h'
        template = (prefix / 'share' / generator / 'resource' / f'{name}.in').read_text()
        filled = template.replace('@PROJECT_NAME_UPPER@', PACKAGE.upper()).replace('@PROJECT_NAME@', PACKAGE)
        (root / 'msg' / name).write_text(filled)
    rosidl_generator_c.generate_c(arguments_for('rosidl_generator_c'))
    rosidl_typesupport_fastrtps_c.generate_typesupport_fastrtps_c(arguments_for('rosidl_typesupport_fastrtps_c'))
    rosidl_typesupport_c.generate_c(arguments_for('rosidl_typesupport_c'), ['rosidl_typesupport_fastrtps_c'])
    rosidl_generator_py.generate_py(arguments_for('rosidl_generator_py'), ['rosidl_typesupport_c'])


def _arguments(prefix: Path, root: Path, idls: list[Path], msgs: list[Path], generator: str) -> dict:
    share = prefix / 'share'
    dependencies = [(name, path) for name in DEPENDENCIES for path in (share / name / 'msg').glob('*.idl')]
    description = {'type_description_tuples': [f'msg/{idl.name}:{idl.with_suffix(".json")}' for idl in idls]}
    return {
        'package_name': PACKAGE,
        'idl_tuples': [f'{root}:msg/{idl.name}' for idl in idls],
        'ros_interface_files': [str(msg) for msg in msgs],
        'ros_interface_dependencies': [f'{name}:{path}' for name, path in dependencies],
        'include_paths': [f'{name}:{share / name}' for name in DEPENDENCIES],
        'output_dir': str(root),
        'template_dir': str(share / generator / 'resource'),
        'target_dependencies': [str(idl) for idl in idls],
        **(description if generator == 'rosidl_generator_c' else {}),
    }
