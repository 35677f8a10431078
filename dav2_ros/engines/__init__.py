# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What runs the network: one file per engine, one protocol (engine.py), one place that chooses (build.py)."""

ENGINES = ('torch', 'onnxruntime', 'openvino', 'tensorrt')
