# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run the network on whatever is fastest and proved: one protocol (engine.py), backends, selection, export."""

ENGINES = ('torch', 'onnxruntime', 'openvino', 'tensorrt')
