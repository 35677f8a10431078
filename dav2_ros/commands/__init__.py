# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run `dav2 ...`: one file per command; the one floor that may know all rooms."""
