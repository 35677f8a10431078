# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What can be asked of the estimator, once: the node's parameters and the tools' options are these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dav2_ros.depth.confidence import VARIANTS
from dav2_ros.depth.stabilise import MODES
from dav2_ros.engines import ENGINES
from dav2_ros.engines.engine import OUTPUTS, PRECISIONS
from dav2_ros.models.info import KINDS
from dav2_ros.models.registry import BUNDLED
from dav2_ros.network.presets import PRESETS
from dav2_ros.parameter import ANY_TIME, parameter

if TYPE_CHECKING:
    from dav2_ros.estimator import DepthEstimator

TURNS = {'none': 0, 'left': 1, 'half': 2, 'right': 3}  # quarters, counter-clockwise
FOCAL_CORRECTIONS = {'auto': 'auto', 'always': 'on', 'never': 'off'}


@dataclass(frozen=True)
class EstimatorParameters:
    """The model, its engine, and what becomes of its depth."""

    model: str = parameter(BUNDLED, 'Name of a model (dav2 models list), or path of a .pth or .safetensors file.')
    model_kind: str = parameter('', 'Kind of a file that we do not know; empty if we do.', choices=('', *KINDS))
    model_preset: str = parameter('', 'Preset of a file that we do not know.', choices=('', *PRESETS))
    model_max_depth_m: float = parameter(
        0.0, 'Maximum depth that a file we do not know was trained with; 0 if we know it.', bounds=(0.0, 1000.0)
    )
    model_f_train_px: float = parameter(
        0.0, 'Focal length that a file we do not know was trained with, short side 518; 0: unknown.', bounds=(0.0, 1e5)
    )
    engine: str = parameter(
        'auto', 'What runs the network; auto: the fastest that is proved on this machine.', choices=('auto', *ENGINES)
    )
    device: str = parameter('auto', "Device of the engine: auto, cpu, gpu (Intel's), cuda, cuda:1 ...")
    precision: str = parameter('auto', 'Arithmetic of the engine.', choices=('auto', *PRECISIONS))
    threads: int = parameter(0, 'CPU threads of PyTorch; 0: as many as it likes.', bounds=(0, 256))
    input_size: int = parameter(
        0,
        'Short side of the network input in pixels; 0: as in training. Smaller: faster, less sharp.',
        bounds=(0, 4096),
    )
    rectified_input: bool = parameter(False, 'The image is rectified: P describes it, not K and D.')
    rectify: bool = parameter(
        False, 'Undo lens distortion first: depth, camera_info and points are then those of a pinhole (P, D zero).'
    )
    max_hfov_deg: float = parameter(
        100.0,
        'With rectify: a wider camera is cut to a centred pinhole that sees this much across.',
        bounds=(20.0, 150.0),
    )
    turn_upright: str = parameter(
        'none',
        'How an image is turned to stand upright, for a camera on its head (half) or side; for the network only.',
        choices=tuple(TURNS),
    )
    focal_correction: str = parameter(
        'auto',
        "Scale depth by this camera's focal length over that of training; auto: for models trained for it.",
        choices=('auto', 'always', 'never'),  # not on and off: YAML takes those for booleans
    )
    assumed_hfov_deg: float = parameter(
        60.0, 'Horizontal field of view to correct for while the camera is not calibrated.', bounds=(1.0, 179.0)
    )
    depth_encoding: str = parameter(
        '32FC1', '32FC1: metres, NaN unknown, +inf beyond range. 16UC1: millimetres, 0 for both.',
        choices=('32FC1', '16UC1'),
    )  # fmt: skip
    output_size: str = parameter(
        'camera',
        "Resolution of all outputs: the camera's, or the network's, which is smaller and loses nothing.",
        choices=OUTPUTS,
    )
    depth_stride: int = parameter(1, 'Publish every n-th pixel of every n-th row of depth and colour.', bounds=(1, 16))
    max_range_m: float = parameter(
        0.0,
        'Depth beyond this becomes +inf; 0: the range of the model.',
        changes=ANY_TIME,
        bounds=(0.0, 1000.0),
    )
    confidence: str = parameter(
        'cheap', 'What confidence is made of: cheap, of the depth map; full, of a second look at the mirrored image.',
        changes=ANY_TIME, choices=VARIANTS,
    )  # fmt: skip
    min_confidence: float = parameter(
        0.0, 'Depth less sure than this becomes NaN; 0: all stays.', changes=ANY_TIME, bounds=(0.0, 1.0)
    )
    remove_flying: bool = parameter(
        False, 'Make NaN of flying points (see cloud_remove_flying) in every output.', changes=ANY_TIME
    )
    steady: str = parameter(
        'scale', 'What does not flicker while the camera stands: nothing, scale and borders, or every still pixel.',
        changes=ANY_TIME, choices=MODES,
    )  # fmt: skip


def make_estimator(
    given: EstimatorParameters,
    *,
    background: bool,
    say: Callable[[str], None],
    warn: Callable[[str], None],
    batch: int = 1,
) -> DepthEstimator:
    """Load the model of the parameters and describe its engine."""
    from dav2_ros.estimator import DepthEstimator
    from dav2_ros.models import checkpoints
    from dav2_ros.models.info import ModelInfo

    if given.threads:
        import torch

        torch.set_num_threads(given.threads)
    stated = ModelInfo.stated(
        given.model,
        kind=given.model_kind,
        preset=given.model_preset,
        max_depth_m=given.model_max_depth_m,
        f_train_px=given.model_f_train_px,
    )
    return DepthEstimator(
        checkpoints.load(given.model, stated=stated),
        engine=given.engine,
        device=given.device,
        precision=given.precision,
        size=given.input_size or None,
        focal_correction=FOCAL_CORRECTIONS[given.focal_correction],
        assumed_hfov_deg=given.assumed_hfov_deg,
        turns=TURNS[given.turn_upright],
        output=given.output_size,
        batch=batch,
        background=background,
        say=say,
        warn=warn,
    )
