# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Evaluate trained networks: on data sets, on pairs of points, on clouds and on clips; print and write tables."""
