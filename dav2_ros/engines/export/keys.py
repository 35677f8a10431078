# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Key the ONNX files of a checkpoint in the cache."""

from __future__ import annotations

from dav2_ros.engines import cache
from dav2_ros.engines.engine import EngineSpec
from dav2_ros.image.resize import ResizePlan
from dav2_ros.models.checkpoints import Checkpoint

GRAPH = 3  # raise when an exported graph changes: older files are then made anew


def network_key(checkpoint: Checkpoint, plan: ResizePlan) -> cache.CacheKey:
    """Return the key of `network_onnx`."""
    return cache.CacheKey(
        checkpoint.info.name, checkpoint.sha256, 'onnx', GRAPH, (0, 0), (plan.net_height, plan.net_width)
    )


def whole_key(checkpoint: Checkpoint, spec: EngineSpec, precision: str) -> cache.CacheKey:
    """Return the key of `whole_onnx`."""
    plan = spec.plan
    return cache.CacheKey(
        checkpoint.info.name,
        checkpoint.sha256,
        'whole-onnx',
        GRAPH,
        (plan.height, plan.width),
        (plan.net_height, plan.net_width),
        spec.output,
        spec.batch,
        precision,
    )
