# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Write the network as ONNX or OpenVINO IR, also in int8."""
