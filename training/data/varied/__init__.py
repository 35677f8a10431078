# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Render scenes of many kinds with exact depth on a GPU, while a model learns from them."""
