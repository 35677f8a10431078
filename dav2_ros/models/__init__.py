# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Know weights (registry), read and write them safely (checkpoints), get them (fetch)."""
