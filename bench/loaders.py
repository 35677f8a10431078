# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How fast data sets are read: python bench/loaders.py. Writes bench/results/loaders.json.

Files of each set's true size and compression are written first, from procedural scenes with a sensor's noise in them
(smooth pictures would decode too fast). Measured are, from a warm disk cache: one process that reads, one that also
cuts 518x518 out as training does, and all cores at once. Beside it the training step of the smallest model on this
CPU, of which the data path should be three times as fast; and how many cores a GPU of a given speed wants.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from dav2_ros.benchmark.timing import call_ms, median_and_p95
from dav2_ros.files.atomic import write_json
from dav2_training.data import registry
from dav2_training.data.augment import crop, mirror

RESULTS = Path(__file__).parent / 'results' / 'loaders.json'
FRAMES, CROP = 6, 518
GPU_IMAGES_S = 200.0  # an example: what a fast GPU may train with the smallest model


def scenes(height: int, width: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Render FRAMES pictures (H, W, 3) uint8 and their Z (H, W) float32, +inf for sky; enlarged from a third."""
    from dav2_training.data.procedural.procedural import ProceduralScenes

    batch = ProceduralScenes(5, height // 3, width // 3).batch(range(FRAMES))
    rng = np.random.default_rng(0)
    found = []
    for rgb, z_m in zip(batch.rgb.numpy(), batch.z_m.numpy()):
        large = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC)
        noisy = large + rng.normal(0, 4, large.shape)  # grain of about ISO 400
        z_m = cv2.resize(z_m, (width, height), interpolation=cv2.INTER_NEAREST)
        found.append((np.clip(noisy, 0, 255).astype(np.uint8), z_m * rng.normal(1, 1e-3, z_m.shape).astype(np.float32)))
    return found


def save(path: Path, values: np.ndarray, *flags: int) -> None:
    """Write a picture, RGB where it has three channels, and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), values[..., ::-1] if values.ndim == 3 else values, flags)


def gzipped(path: Path, values: np.ndarray) -> None:
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, 'w') as file:
        file.create_dataset('dataset', data=values, compression='gzip', compression_opts=9)


def hypersim(root: Path, number: int, rgb: np.ndarray, z_m: np.ndarray) -> None:
    images, frame = root / 'ai_001_001/images', f'frame.{number:04d}'
    save(images / f'scene_cam_00_final_preview/{frame}.tonemap.jpg', rgb, cv2.IMWRITE_JPEG_QUALITY, 90)
    distance = np.where(np.isinf(z_m), np.nan, z_m).astype(np.float16)
    gzipped(images / f'scene_cam_00_geometry_hdf5/{frame}.depth_meters.hdf5', distance)


def vkitti2(root: Path, number: int, rgb: np.ndarray, z_m: np.ndarray) -> None:
    frames = root / 'Scene01/clone/frames'
    save(frames / f'rgb/Camera_0/rgb_{number:05d}.jpg', rgb, cv2.IMWRITE_JPEG_QUALITY, 95)
    save(frames / f'depth/Camera_0/depth_{number:05d}.png', np.clip(100 * z_m, 0, 65535).astype(np.uint16))


def tartanair(root: Path, number: int, rgb: np.ndarray, z_m: np.ndarray) -> None:
    save(root / f'ocean/Easy/P000/image_left/{number:06d}_left.png', rgb)
    (root / 'ocean/Easy/P000/depth_left').mkdir(exist_ok=True)
    np.save(root / f'ocean/Easy/P000/depth_left/{number:06d}_left_depth.npy', np.minimum(z_m, 1e4))


def irs(root: Path, number: int, rgb: np.ndarray, z_m: np.ndarray) -> None:
    import OpenEXR

    save(root / f'Home/Room/l_{number}.png', rgb)
    header = {'compression': OpenEXR.ZIP_COMPRESSION, 'type': OpenEXR.scanlineimage}
    with OpenEXR.File(header, {'G': np.ascontiguousarray(48 / z_m)}) as file:
        file.write(str(root / f'Home/Room/d_{number}.exr'))


def blendedmvs(root: Path, number: int, rgb: np.ndarray, z_m: np.ndarray) -> None:
    scene = root / '5a3ca9cb270f0e3f14d0eddb'
    save(scene / f'blended_images/{number:08d}.jpg', rgb, cv2.IMWRITE_JPEG_QUALITY, 95)
    for folder in ('rendered_depth_maps', 'cams'):
        (scene / folder).mkdir(exist_ok=True)
    z = np.where(np.isinf(z_m), 0, z_m).astype('<f4')
    head = f'Pf\n{z.shape[1]} {z.shape[0]}\n-1\n'.encode()
    (scene / f'rendered_depth_maps/{number:08d}.pfm').write_bytes(head + z[::-1].tobytes())
    (scene / f'cams/{number:08d}_cam.txt').write_text('extrinsic\n\nintrinsic\n575.9 0 384 0 575.9 288 0 0 1\n')


def kitti(root: Path, number: int, rgb: np.ndarray, z_m: np.ndarray) -> None:
    drive = '2011_09_26_drive_0001_sync'
    save(root / f'raw/2011_09_26/{drive}/image_02/data/{number:010d}.png', rgb)
    scanned = np.random.default_rng(number).random(z_m.shape) < 0.16
    stored = np.where(scanned & (z_m < 90), 256 * z_m, 0).astype(np.uint16)
    save(root / f'data_depth_annotated/train/{drive}/proj_depth/groundtruth/image_02/{number:010d}.png', stored)


def folder(root: Path, number: int, rgb: np.ndarray, z_m: np.ndarray) -> None:
    save(root / f'{number}.jpg', rgb, cv2.IMWRITE_JPEG_QUALITY, 90)


WRITERS: dict[str, tuple[Callable, int, int]] = {
    'hypersim': (hypersim, 768, 1024),
    'vkitti2': (vkitti2, 375, 1242),
    'tartanair': (tartanair, 480, 640),
    'irs': (irs, 540, 960),
    'blendedmvs': (blendedmvs, 576, 768),
    'kitti': (kitti, 375, 1242),
    'folder': (folder, 768, 1024),
}


def reader(name: str, root: Path, cut: bool) -> Callable[[int], None]:
    """Return what reads sample i, and cuts a crop out as training does."""
    opened = registry.open_set(name, root, 'all' if 'all' in registry.set_info(name).splits else '')

    def read(index: int) -> None:
        sample = opened[index % len(opened)]
        if cut:
            rng = np.random.default_rng(index)
            mirror(*crop(sample.rgb, sample.inverse_depth(), CROP, CROP, rng), rng)

    return read


def milliseconds(read: Callable[[int], None], seconds: float) -> list[float]:
    """Time single samples, for so long and at least ten."""
    indices = count()
    return call_ms(lambda: read(next(indices)), seconds=seconds, warm_up=FRAMES, least=10)


def at_once(name: str, root: Path, seconds: float, queue) -> None:
    """Count the samples that one of several processes reads and cuts."""
    cv2.setNumThreads(1)
    queue.put(1e3 / float(np.mean(milliseconds(reader(name, root, cut=True), seconds))))


def all_cores(name: str, root: Path, seconds: float) -> float:
    """Return the images/s of as many processes as there are cores."""
    context = get_context('fork')
    queue = context.Queue()
    workers = [context.Process(target=at_once, args=(name, root, seconds, queue)) for _ in range(os.cpu_count() or 1)]
    for worker in workers:
        worker.start()
    rates = [queue.get() for _ in workers]
    for worker in workers:
        worker.join()
    return sum(rates)


def step_images_s(preset: str = 'vits', batch: int = 2) -> float:
    """Time forward and backward of a training step at 518x518 on this CPU: images/s."""
    import torch

    from dav2_ros.network.dpt import DepthAnything

    network = DepthAnything(preset, None).train()
    image = torch.rand(batch, 3, CROP, CROP)
    times_ms = call_ms(lambda: network(image).mean().backward(), 3, warm_up=1)
    return 1e3 * batch / float(np.median(times_ms))


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('names', nargs='*', metavar='SET', help=f'of {", ".join(WRITERS)}; all without any')
    parser.add_argument('--seconds', type=float, default=3.0, help='of each measurement')
    parser.add_argument('--out', type=Path, default=RESULTS)
    parser.add_argument('--no-step', action='store_true', help='leave the training step out')
    options = parser.parse_args()
    cv2.setNumThreads(1)  # as in a loader's worker
    heads = ('set', 'read ms p50', 'p95', '+ crop p50', 'p95', 'images/s a core', f'all {os.cpu_count()} cores')
    table, found = Table(*heads, f'cores for {GPU_IMAGES_S:.0f}/s x 3'), {}
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.names or WRITERS:
            write, height, width = WRITERS[name]
            root = Path(temporary) / name
            for number, (rgb, z_m) in enumerate(scenes(height, width)):
                write(root, number, rgb, z_m)
            read, cut = (milliseconds(reader(name, root, with_crop), options.seconds) for with_crop in (False, True))
            one, together = 1e3 / float(np.mean(cut)), all_cores(name, root, options.seconds)
            numbers = [*median_and_p95(read), *median_and_p95(cut)]
            found[name] = dict(zip(('read_ms_p50', 'read_ms_p95', 'cut_ms_p50', 'cut_ms_p95'), numbers))
            found[name] |= {'size': f'{width}x{height}', 'images_s_one_core': one, 'images_s_all_cores': together}
            cells = [f'{n:.1f}' for n in (*numbers, one, together, 3 * GPU_IMAGES_S / one)]
            table.add_row(f'{name} {width}x{height}', *cells)
    result = {'cores': os.cpu_count(), 'crop': CROP, 'sets': found}
    Console().print(table)
    if not options.no_step:
        result['vits_step_images_s_cpu'] = step = step_images_s()
        slowest = min(entry['images_s_all_cores'] for entry in found.values())
        print(f'vits at {CROP}x{CROP} on this CPU, forward and backward: {step:.2f} images/s; slowest: {slowest:.1f}')
    write_json(options.out, result)


if __name__ == '__main__':
    main()
