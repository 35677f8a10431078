# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The depth node of the sources alone: neither CMake nor pip has built dav2_ros.msg."""

from __future__ import annotations

import runpy
import sys

sys.modules['dav2_ros.msg'] = None  # importing it now raises ImportError
runpy.run_module('dav2_ros.nodes.depth_node', run_name='__main__')
