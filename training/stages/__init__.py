# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run one stage of the method each: teacher, pseudo labels, student, metric, segmentation, ablation."""
