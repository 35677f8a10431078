# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Right metres from evidence: what else is known about distances, a robust fit of the scale, a filter over time."""
