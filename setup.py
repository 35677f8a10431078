# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Packages, data and the message for pip; colcon reads package.xml and CMakeLists.txt instead."""

from __future__ import annotations

import sys
from glob import glob
from pathlib import Path

from setuptools import find_packages, setup

sys.path.insert(0, str(Path(__file__).parent / 'message_build'))
from message import BuildMessage, extensions

# dav2_ros.msg is generated: BuildMessage lays it into the package, nobody lists it
runtime = ['dav2_ros', *(f'dav2_ros.{name}' for name in find_packages('dav2_ros', exclude=['msg', 'msg.*']))]
training = ['dav2_training', *(f'dav2_training.{name}' for name in find_packages('training'))]

setup(
    packages=[*runtime, *training],
    package_dir={'dav2_training': 'training'},
    package_data={
        'dav2_ros': [
            'models/bundled/**/*',
            'bags/bundled/**/*',
            'demo/*.xml',
            'engines/selection/gate_pictures/*',
            'evaluation/*.j2',
        ]
    },
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/dav2_ros']),
        ('share/dav2_ros', ['package.xml']),
        ('share/dav2_ros/launch', sorted(glob('launch/*.py'))),
        ('share/dav2_ros/config', sorted(glob('config/*.*'))),
        ('share/dav2_ros/config/training', sorted(glob('config/training/*.yaml'))),
        ('share/dav2_ros/config/training/proof', sorted(glob('config/training/proof/*.yaml'))),
    ],
    ext_modules=extensions(),
    cmdclass={'build_ext': BuildMessage},
)
