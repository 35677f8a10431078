# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Show depth in Rerun: picture, depth, points, the camera's frustum, and numbers as curves."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING

import cv2
import numpy as np

from dav2_ros.cloud.cloud import CloudMaker
from dav2_ros.cloud.options import CloudOptions
from dav2_ros.files.atomic import written_beside
from dav2_ros.frames import DepthMap
from dav2_ros.media.images import depth_millimetres

if TYPE_CHECKING:
    from rerun import EncodedDepthImage

STAMP, MOMENT = 'stamp', 'moment'  # the timelines: when it was taken, and the how manieth it is
CAMERA, POINTS = 'world/camera', 'world/points'
CURVES = {'latency_ms': 'Latency (ms)', 'engine_ms': 'Engine (ms)', 'scale': 'Scale', 'median_z_m': 'Median depth (m)'}
JPEG_QUALITY = 80
FRUSTUM_M = 0.5  # how far from its centre the camera's picture hangs


class ViewError(RuntimeError):
    """What is to be seen cannot be shown; one sentence."""


@dataclass(frozen=True, eq=False)
class TimelineFrame:
    """A depth map, what the camera saw if anybody knows, and numbers of this moment by name."""

    depth: DepthMap
    rgb: np.ndarray | None = None  # (H, W, 3) uint8
    numbers: dict[str, float] = field(default_factory=dict)


class RerunScene:
    """A Rerun recording in the making: to a file, or to a viewer on this machine.

    A context manager. A file is written beside and renamed when all is in it.

    Args:
        name: of the recording, in the viewer.
        save: the .rrd file; None opens the viewer.
        colours_m: near and far end of the colours of depth.
        stride: every n-th point of every n-th row becomes a point of the cloud.
        cloud: what else is left out of it.
    """

    def __init__(
        self,
        name: str,
        save: Path | None,
        colours_m: tuple[float, float],
        stride: int = 2,
        cloud: CloudOptions = CloudOptions(),  # noqa: B008 (frozen)
    ) -> None:
        self._rr = _rerun()
        self._save, self._colours_m = save, colours_m
        self._options = replace(cloud, stride=stride, organised=False)
        self._maker, self._count = CloudMaker(), 0
        self._recording = self._rr.RecordingStream('dav2_ros')
        self._name, self._opened = name, ExitStack()

    def __enter__(self) -> RerunScene:
        recording = self._recording
        if self._save:
            recording.save(self._opened.enter_context(written_beside(self._save)))
        else:
            recording.spawn()
        recording.send_recording_name(self._name)
        recording.send_blueprint(self._blueprint())
        recording.log(
            'world', self._rr.ViewCoordinates.RDF, static=True
        )  # the optical frame: x right, y down (REP 103)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._recording.flush()
        self._recording.disconnect()
        self._opened.__exit__(kind, error, trace)

    def show(self, moment: TimelineFrame) -> None:
        """Add a moment; without a camera there is no cloud and no frustum."""
        rr, recording, depth = self._rr, self._recording, moment.depth
        recording.set_time(MOMENT, sequence=self._count)
        recording.set_time(STAMP, timestamp=np.datetime64(depth.stamp_ns, 'ns'))
        self._count += 1
        if depth.camera:
            camera = depth.camera
            size = [camera.width, camera.height]
            pinhole = rr.Pinhole(
                image_from_camera=camera.k, resolution=size, camera_xyz=rr.ViewCoordinates.RDF,
                image_plane_distance=FRUSTUM_M,
            )  # fmt: skip
            recording.log(CAMERA, pinhole)
            cloud = self._maker.make(depth, self._coloured(moment), self._options).reshape(-1)
            bgrx = np.ascontiguousarray(cloud['rgb']).view(np.uint8).reshape(-1, 4)
            xyz = np.stack([cloud[axis] for axis in 'xyz'], axis=-1)
            recording.log(POINTS, rr.Points3D(xyz, colors=bgrx[:, 2::-1], radii=rr.Radius.ui_points(1.5)))
        if moment.rgb is not None:
            recording.log(f'{CAMERA}/image', rr.Image(moment.rgb).compress(jpeg_quality=JPEG_QUALITY))
        recording.log(f'{CAMERA}/depth', self._depth(depth.z_m))
        for name, value in moment.numbers.items():
            recording.log(f'numbers/{name}', rr.Scalars(value))

    def _depth(self, z_m: np.ndarray) -> EncodedDepthImage:
        """Encode millimetres; Rerun knows no +inf, so beyond range is 0, as unknown is."""
        z_mm = depth_millimetres(z_m)
        z_mm[~np.isfinite(z_m)] = 0
        png = cv2.imencode('.png', z_mm)[1].tobytes()
        near_m, far_m = self._colours_m
        return self._rr.EncodedDepthImage(
            png, media_type='image/png', meter=1000.0, colormap='turbo', depth_range=[1000 * near_m, 1000 * far_m]
        )

    def _coloured(self, moment: TimelineFrame) -> np.ndarray | None:
        shape = moment.depth.z_m.shape
        if moment.rgb is None or moment.rgb.shape[:2] == shape:
            return moment.rgb
        return cv2.resize(moment.rgb, shape[::-1], interpolation=cv2.INTER_AREA)

    def _blueprint(self):
        import rerun.blueprint as rrb

        curves = [rrb.TimeSeriesView(origin=f'numbers/{name}', name=title) for name, title in CURVES.items()]
        pictures = [
            rrb.Spatial2DView(origin=CAMERA, contents=f'$origin/{kind}', name=kind) for kind in ('image', 'depth')
        ]
        upper = rrb.Horizontal(
            rrb.Vertical(*pictures), rrb.Spatial3DView(origin='world', name='cloud'), column_shares=[2, 3]
        )
        return rrb.Blueprint(rrb.Vertical(upper, rrb.Horizontal(*curves), row_shares=[3, 1]), collapse_panels=True)


def _rerun() -> ModuleType:
    try:
        import rerun
    except ImportError as error:
        raise ViewError('Rerun is not installed: pip install "dav2_ros[view]".') from error
    return rerun
