# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bring depth to right metres: measurements of distances, a robust fit of the scale, a filter over time."""
