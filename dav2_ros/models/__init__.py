# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Weights: what we know about them (registry), reading and writing them safely (checkpoints), getting them (fetch)."""
