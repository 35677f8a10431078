# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Evaluate models on a folder of photographs with measured depth, in the files of several public sets side by side.

    dav2-train photos FOLDER vitt-procedural out/gpu/vitt-varied.safetensors

Of each picture: depth as it is, and scaled so that its median is the truth's; beside it, what a constant is worth.
FOLDER holds any of kitti_annotated, kitti_object, nyuv2, rgbd_open3d, seven_scenes and middlebury, as their projects
publish them as examples. The photographs are for judging only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Optional

import cv2
import numpy as np
import typer

from dav2_ros.camera import Camera
from dav2_ros.estimator import DepthEstimator
from dav2_ros.files.atomic import write_json
from dav2_ros.frames import Frame
from dav2_ros.models import checkpoints
from dav2_training.data import decode
from dav2_training.data.sample import DataError, Sample

MAX_M = 80.0
KITTI_F_PX = 721.5377  # of 1242x375 pictures; principal point 609.5593, 172.854
KITTI_C_PX = (609.5593, 172.854)
KINECT_F_PX = {'nyuv2': 518.86, 'rgbd_open3d': 525.0, 'seven_scenes': 585.0}
NYU_C_PX = (325.58, 253.74)
MOTORCYCLE = (994.978, 0.193001, 31.086)  # focal length, baseline in metres, shift of the disparity


@dataclass(frozen=True)
class PhotoScore:
    """One picture, one model."""

    group: str
    picture: str
    pixels: int
    scale: float  # median of prediction over median of truth
    abs_rel: float
    d1: float
    scaled_abs_rel: float  # after the medians were made equal
    scaled_d1: float
    constant_d1: float  # of the median of the truth, everywhere


def _pinhole(rgb: np.ndarray, f_px: float, centre: tuple[float, float] | None = None) -> Camera:
    h, w = rgb.shape[:2]
    cx, cy = centre or (0.5 * (w - 1), 0.5 * (h - 1))
    return Camera(w, h, f_px, f_px, cx, cy)


def _kitti_annotated(folder: Path) -> Iterator[Sample]:
    for path in sorted((folder / 'rgb').glob('*.png')):
        rgb, z = decode.rgb(path), decode.png16(folder / 'depth' / path.name) / np.float32(256)
        yield Sample(rgb, path.stem, np.where(z > 0, z, np.nan), camera=_pinhole(rgb, KITTI_F_PX, KITTI_C_PX))


def _kitti_object(folder: Path) -> Iterator[Sample]:
    for path in sorted((folder / 'image_2').glob('*.png')):
        rgb = decode.rgb(path)
        lines = (folder / 'calib' / f'{path.stem}.txt').read_text().splitlines()
        rows = {k: np.array(v.split(), float) for k, _, v in (line.partition(':') for line in lines if ':' in line)}
        p2, turn, to_camera = rows['P2'].reshape(3, 4), np.eye(4), np.eye(4)
        turn[:3, :3], to_camera[:3] = rows['R0_rect'].reshape(3, 3), rows['Tr_velo_to_cam'].reshape(3, 4)
        points = np.fromfile(folder / 'velodyne' / f'{path.stem}.bin', np.float32).reshape(-1, 4).astype(float)
        points[:, 3] = 1.0
        seen = points @ (p2 @ turn @ to_camera).T
        z_m = np.full(rgb.shape[:2], np.nan, np.float32)
        ahead = seen[:, 2] > 0.5
        u, v = np.rint(seen[ahead, :2] / seen[ahead, 2:]).astype(int).T
        z = seen[ahead, 2]
        within = (u >= 0) & (u < rgb.shape[1]) & (v >= 0) & (v < rgb.shape[0])
        order = np.argsort(-z[within])  # what is nearer is written last
        z_m[v[within][order], u[within][order]] = z[within][order]
        yield Sample(rgb, path.stem, z_m, camera=_pinhole(rgb, p2[0, 0], (p2[0, 2], p2[1, 2])))


def _nyuv2(folder: Path) -> Iterator[Sample]:
    for path in sorted((folder / 'rgb').glob('rgb_*.jpg')):
        rgb, z = decode.rgb(path), decode.png16(folder / 'depth' / f'sync_depth_{path.stem[4:]}.png') / np.float32(1000)
        z_m = np.full_like(z, np.nan)
        crop = slice(45, 471), slice(41, 601)  # the margin of the projected depth is empty or white
        z_m[crop] = np.where((z[crop] > 0) & (z[crop] < 10), z[crop], np.nan)
        yield Sample(rgb, path.stem, z_m, camera=_pinhole(rgb, KINECT_F_PX['nyuv2'], NYU_C_PX))


def _rgbd_open3d(folder: Path) -> Iterator[Sample]:
    pairs = [(p, folder / 'depth' / f'{p.stem}.png', 1000.0) for p in sorted((folder / 'color').glob('*.jpg'))]
    other = folder / 'other_formats'
    pairs += [(other / 'SUN_color.jpg', other / 'SUN_depth.png', 1000.0)]
    pairs += [(other / 'TUM_color.png', other / 'TUM_depth.png', 5000.0)]
    for path, depth, units_per_m in pairs:
        if path.is_file() and depth.is_file():
            rgb, raw = decode.rgb(path), decode.png16(depth)
            raw = raw >> 3 | raw << 13 if depth.name.startswith('SUN') else raw
            z = raw / np.float32(units_per_m)
            yield Sample(rgb, path.stem, np.where(z > 0, z, np.nan), camera=_pinhole(rgb, KINECT_F_PX['rgbd_open3d']))


def _seven_scenes(folder: Path) -> Iterator[Sample]:
    for path in sorted(folder.glob('*.color.jpg')):
        rgb, raw = decode.rgb(path), decode.png16(folder / path.name.replace('.color.jpg', '.depth.png'))
        z_m = np.where((raw > 0) & (raw < 65535), raw / np.float32(1000), np.nan)
        yield Sample(rgb, path.name[:12], z_m, camera=_pinhole(rgb, KINECT_F_PX['seven_scenes']))


def _middlebury(folder: Path) -> Iterator[Sample]:
    path = folder / 'motorcycle_left.png'
    if path.is_file():
        rgb = decode.rgb(path)
        with np.load(folder / 'motorcycle_disp.npz') as file:
            disparity = file[file.files[0]].astype(np.float32)
        f_px, baseline_m, shift = MOTORCYCLE
        z_m = np.where(np.isfinite(disparity), f_px * baseline_m / (disparity + shift), np.nan)
        yield Sample(rgb, 'motorcycle', z_m, camera=_pinhole(rgb, f_px))


READERS: dict[str, Callable[[Path], Iterator[Sample]]] = {
    'kitti_annotated': _kitti_annotated, 'kitti_object': _kitti_object, 'nyuv2': _nyuv2, 'rgbd_open3d': _rgbd_open3d,
    'seven_scenes': _seven_scenes, 'middlebury': _middlebury,
}  # fmt: skip


def score(group: str, name: str, z_m: np.ndarray, true_m: np.ndarray) -> PhotoScore | None:
    """Compare depth (H, W) with a truth that is NaN where nothing was measured; None where nothing can be compared."""
    valid = np.isfinite(true_m) & (true_m > 0) & (true_m <= MAX_M)
    t, p = true_m[valid].astype(np.float64), np.minimum(z_m[valid].astype(np.float64), 1e3)  # far, not infinite
    if not len(t) or not np.isfinite(p).all():
        valid = np.isfinite(p)
        t, p = t[valid], p[valid]
    if not len(t):
        return None

    def errors(p: np.ndarray) -> tuple[float, float]:
        return float(np.mean(np.abs(p - t) / t)), float(np.mean(np.maximum(p / t, t / p) < 1.25))

    scale = float(np.median(p) / np.median(t))
    constant = errors(np.full_like(t, np.median(t)))[1]
    return PhotoScore(group, name, len(t), scale, *errors(p), *errors(p / scale), constant)


def judge(folder: Path, model: str, size: int = 0) -> list[PhotoScore]:
    """Judge one model on every picture of the folder. Raises DataError where there is none."""
    found = []
    options = {'size': size} if size else {}
    with DepthEstimator(checkpoints.load(model), engine='torch', precision='fp32', **options) as estimator:
        for group, read in READERS.items():
            for sample in read(folder / group) if (folder / group).is_dir() else ():
                z_m = estimator.estimate(Frame(sample.rgb, sample.camera))[0].z_m
                if z_m.shape != sample.z_m.shape:
                    z_m = cv2.resize(z_m, sample.z_m.shape[::-1], interpolation=cv2.INTER_NEAREST)
                result = score(group, sample.name, z_m, sample.z_m)
                found += [result] if result else []
    if not found:
        raise DataError(f'{folder} holds none of {", ".join(READERS)} with a picture: give the folder above them.')
    return found


def table(found: dict[str, list[PhotoScore]]) -> list[str]:
    """Return the lines of a table: each group and model, means over pictures."""
    lines = [f'{"photographs":17s} {"model":28s}  n   scale  AbsRel     d1 | scaled AbsRel     d1 | constant d1']
    for group in READERS:
        for model, scores in found.items():
            some = [s for s in scores if s.group == group]
            if some:
                m = [np.mean([getattr(s, name) for s in some]) for name in
                     ('scale', 'abs_rel', 'd1', 'scaled_abs_rel', 'scaled_d1', 'constant_d1')]  # fmt: skip
                lines.append(f'{group:17s} {Path(model).stem:28s} {len(some):2d} {m[0]:7.3f} {m[1]:7.3f} {m[2]:6.3f} | '
                             f'{m[3]:13.3f} {m[4]:6.3f} | {m[5]:11.3f}')  # fmt: skip
    return lines


def main(
    folder: Annotated[Path, typer.Argument(help='Folder of photographs with depth; each set in its own folder.')],
    models: Annotated[list[str], typer.Argument(help='Names or files of metric models.')],
    size: Annotated[int, typer.Option(help="Short side of the network's input; 0: as trained.")] = 0,
    json_to: Annotated[Optional[Path], typer.Option('--json', help='Write every picture as JSON.')] = None,  # noqa: UP045
) -> None:
    """Evaluate models on photographs with measured depth: as they are, and with the median made right."""
    found = {model: judge(folder, model, size) for model in models}
    print('\n'.join(table(found)))
    if json_to:
        write_json(json_to, found)


if __name__ == '__main__':
    typer.run(main)
