# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Show depth to walk around in, with Rerun: `dav2 view`."""
