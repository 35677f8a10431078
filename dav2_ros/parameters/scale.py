# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Define the parameters that say where right metres come from."""

from __future__ import annotations

from dataclasses import dataclass

from dav2_ros.parameter import check, parameter

SENSORS = ('lidar', 'scan', 'range', 'depth')  # sources that are a topic
SCALE_SOURCES = ('none', 'fixed', 'height', *SENSORS)


@dataclass(frozen=True)
class ScaleParameters:
    """The scale of depth. Raises ValueError, one sentence, for values that do not go together."""

    scale_source: str = parameter(
        'none', 'What else knows metres: scale_fixed, the height of the camera above ground, or what comes on `lidar`, '
        '`scan`, `range` or `reference/image` (depth).', choices=SCALE_SOURCES,
    )  # fmt: skip
    scale_fixed: float = parameter(
        1.0,
        'Factor of depth with scale_source fixed, and wherever a sensor gives no trusted one. From `dav2 calibrate`.',
        bounds=(0.05, 20.0),
    )
    scale_shift_per_m: float = parameter(
        0.0, 'Added to inverse depth after scale_fixed, with scale_source fixed.', bounds=(-1.0, 1.0)
    )
    scale_camera_height_m: float = parameter(
        0.0, 'Height of the camera above level ground, for scale_source height.', bounds=(0.0, 100.0)
    )
    scale_noise_m: float = parameter(0.05, 'Standard deviation of a known distance.', bounds=(0.001, 1.0))
    scale_tolerance_s: float = parameter(
        0.1, 'How far apart the stamps of image and sensor may be.', bounds=(0.0, 10.0)
    )
    scale_hold_s: float = parameter(
        2.0, 'So long the last trusted scale stays when evidence stops.', bounds=(0.0, 3600.0)
    )
    scale_decay_s: float = parameter(
        10.0, 'Time constant of its way back to scale_fixed after that.', bounds=(0.1, 3600.0)
    )
    scale_extrinsics: str = parameter(
        'auto',
        'Where the pose of the sensor comes from; auto: TF where tf2_ros is installed, else the parameters below.',
        choices=('auto', 'tf', 'parameters'),
    )
    scale_sensor_x_m: float = parameter(0.0, 'Sensor ahead of the camera.', bounds=(-100.0, 100.0))
    scale_sensor_y_m: float = parameter(0.0, 'Sensor left of the camera.', bounds=(-100.0, 100.0))
    scale_sensor_z_m: float = parameter(0.0, 'Sensor above the camera.', bounds=(-100.0, 100.0))
    scale_sensor_roll_deg: float = parameter(
        0.0, "Turn of the sensor about the camera's forward axis; all 0: it looks the same way.", bounds=(-360.0, 360.0)
    )
    scale_sensor_pitch_deg: float = parameter(0.0, 'Then about its left axis: down.', bounds=(-360.0, 360.0))
    scale_sensor_yaw_deg: float = parameter(0.0, 'Then about its up axis: to the left.', bounds=(-360.0, 360.0))

    def __post_init__(self) -> None:
        check(self)
        if self.scale_source == 'height' and not self.scale_camera_height_m:
            raise ValueError(
                'scale_source is height, and scale_camera_height_m is 0.0: set it to the height in metres.'
            )
