# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Compute what training minimises; a masked pixel has exactly no influence."""

from dav2_training.losses.features import feature_alignment
from dav2_training.losses.metric import log_gradients, log_l1, out_of_range, silog, silog_zoedepth
from dav2_training.losses.relative import RelativeLoss, gradient_matching, per_region, shift_and_scale, ssi

__all__ = [
    'RelativeLoss',
    'feature_alignment',
    'gradient_matching',
    'log_gradients',
    'log_l1',
    'out_of_range',
    'per_region',
    'shift_and_scale',
    'silog',
    'silog_zoedepth',
    'ssi',
]
