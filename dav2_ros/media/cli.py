# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dav2 infer PHOTO...`: depth for photos, as files."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from dav2_ros.engines import ENGINES
from dav2_ros.engines.engine import PRECISIONS, EngineError
from dav2_ros.estimator import DepthEstimator
from dav2_ros.media.colour import colourise
from dav2_ros.media.images import MediaError, read_photo, write_depth_npy, write_depth_png, write_png
from dav2_ros.models import checkpoints
from dav2_ros.models.registry import BUNDLED


def infer(
    photos: Annotated[list[Path], typer.Argument(help='Pictures that OpenCV reads: jpeg, png, webp, tiff ...')],
    model: Annotated[str, typer.Option(help='Name of a metric model (dav2 models list), or a file.')] = BUNDLED,
    engine: Annotated[str, typer.Option(help=f'What runs it: auto, {", ".join(ENGINES)}.')] = 'auto',
    precision: Annotated[str, typer.Option(help=f'Its arithmetic: auto, {", ".join(PRECISIONS)}.')] = 'auto',
    out: Annotated[Path, typer.Option(help='Folder for the results.')] = Path('out/infer'),
    hfov: Annotated[
        float,
        typer.Option(min=1, max=179, help='Horizontal field of view, degrees, of photos whose EXIF has no focal.'),
    ] = 60.0,
    near: Annotated[float, typer.Option(help='Metres at the near (red) end of the colours.')] = 0.5,
    far: Annotated[float, typer.Option(help='Metres at the far (blue) end of the colours.')] = 40.0,
    side_by_side: Annotated[bool, typer.Option(help='Put the photo beside its colours.')] = False,
) -> None:
    """Estimate the depth of photos.

    For each PHOTO the folder gets NAME_depth.npy (float32 metres, NaN unknown, inf beyond range), NAME_depth.png (16
    bits, millimetres, 0 unknown, 65535 for 65.535 m and all beyond) and NAME_color.png. A bad file does not stop the
    others; the exit status is then 1.
    """
    if not 0 < near < far < math.inf:
        raise typer.BadParameter(f'near {near:g} m and far {far:g} m are no range: choose 0 < near < far.')
    from rich.console import Console

    failed, written = 0, {}
    status = Console(stderr=True).status('')
    try:
        with DepthEstimator(
            checkpoints.load(model), engine=engine, precision=precision, say=status.update
        ) as estimator:
            out.mkdir(parents=True, exist_ok=True)
            for path in photos:
                try:
                    if (other := written.setdefault(path.stem, path)) is not path:
                        raise MediaError(
                            f'{path} would replace the results of {other}: rename it, or choose another --out.'
                        )
                    status.update(str(path))
                    with status:  # the first photo of a shape waits until its engine is proved
                        line = _infer_one(estimator, path, out, hfov, (near, far), side_by_side)
                    typer.echo(line)
                except MediaError as error:
                    typer.echo(f'dav2: {error}', err=True)
                    failed += 1
    except (EngineError, OSError) as error:
        typer.echo(f'dav2: {error}', err=True)
        raise typer.Exit(1) from error
    if failed:
        raise typer.Exit(1)


def _infer_one(
    estimator: DepthEstimator, path: Path, out: Path, hfov_deg: float, colours_m: tuple[float, float], beside: bool
) -> str:
    """Write the files of one photo and return the line that says so."""
    photo = read_photo(path, hfov_deg)
    depth, timings = estimator.estimate(photo.frame)
    write_depth_npy(out / f'{path.stem}_depth.npy', depth.z_m)
    write_depth_png(out / f'{path.stem}_depth.png', depth.z_m)
    colour = colourise(depth.z_m, *colours_m)
    write_png(out / f'{path.stem}_color.png', np.hstack([photo.frame.rgb, colour]) if beside else colour)
    camera, known_m = photo.frame.camera, depth.z_m[np.isfinite(depth.z_m)]
    spread = '{:.2f} to {:.2f} m'.format(*np.percentile(known_m, (1, 99))) if known_m.size else 'beyond range'
    return (
        f'{path}: {camera.width}x{camera.height}, field of view {math.degrees(camera.hfov_rad):.1f} deg '
        f'({photo.camera_source}), depth {spread}, {timings.engine_ms:.0f} ms; '
        f'{out / path.stem}_depth.npy, _depth.png, _color.png'
    )
