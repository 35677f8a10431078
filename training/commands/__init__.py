# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run `dav2-train data ...` and `dav2-train annotate ...`: the commands that are no stage and no evaluation."""
