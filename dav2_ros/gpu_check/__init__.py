# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Prove a GPU in minutes: `python -m dav2_ros.gpu_check --out DIR`, from a source tree, without a network."""
