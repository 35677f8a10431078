# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Train any network: the one loop, its schedule, checkpoints, devices and log."""
