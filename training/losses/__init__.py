# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What training minimises; a masked pixel has exactly no influence."""

from dav2_training.losses.features import feature_alignment
from dav2_training.losses.metric import beyond, log_gradients, log_l1, silog, silog_zoedepth
from dav2_training.losses.relative import RelativeLoss, gradient_matching, per_region, shift_and_scale, ssi
from dav2_training.schedule import poly

__all__ = [
    'RelativeLoss',
    'beyond',
    'feature_alignment',
    'gradient_matching',
    'log_gradients',
    'log_l1',
    'per_region',
    'poly',
    'shift_and_scale',
    'silog',
    'silog_zoedepth',
    'ssi',
]
