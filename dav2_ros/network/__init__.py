# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Build the network in plain PyTorch: a DINOv2 encoder (vit.py), a DPT head (dpt.py), their sizes (presets.py)."""
