# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Define the parameters of the model, its engine, and what becomes of its depth."""

from __future__ import annotations

from dataclasses import dataclass

from dav2_ros.depth.confidence import VARIANTS
from dav2_ros.depth.metric import FOCAL_CORRECTIONS
from dav2_ros.depth.stabilise import MODES
from dav2_ros.engines import ENGINES
from dav2_ros.engines.engine import OUTPUTS, PRECISIONS
from dav2_ros.models.info import KINDS
from dav2_ros.models.registry import BUNDLED
from dav2_ros.network.presets import PRESETS
from dav2_ros.parameter import ANY_TIME, check, parameter

TURNS = {'none': 0, 'left': 1, 'half': 2, 'right': 3}  # quarters, counter-clockwise


@dataclass(frozen=True)
class EstimatorParameters:
    """The model, its engine, and what becomes of its depth. Raises ValueError, one sentence."""

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
        choices=FOCAL_CORRECTIONS,
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

    def __post_init__(self) -> None:
        check(self)
