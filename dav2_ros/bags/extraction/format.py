# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Write a folder of pictures with depth, and read what is in its files.

extract.json   how it was made, and what a number in depth/ means; written first
rgb/000012.jpg depth/000012.png
cameras.json   the cameras of the pictures: most recordings have one
frames.csv     the pictures, which split each belongs to, and its camera; written last, so a folder with it is whole
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dav2_ros.bags import BagError
from dav2_ros.camera import Camera
from dav2_ros.files.atomic import write_file

ABOUT, CAMERAS, FRAMES = 'extract.json', 'cameras.json', 'frames.csv'
BEYOND = 65535  # +inf: farther than the sensor sees
SPLITS = ('train', 'val')
MEANING = (
    'depth/*.png: 16 bits, depth along the optical axis times units_per_m; 0 is unknown, 65535 is beyond range. '
    'frames.csv: stamp_ns is of the picture, camera counts the entries of cameras.json, known is the share of pixels '
    'whose depth is known. cameras.json: focal lengths and centre in pixels, the centre of the first pixel is 0, 0.'
)


@dataclass(frozen=True)
class ExtractedSample:
    """One picture of the folder: a line of frames.csv."""

    name: str
    split: str
    stamp_ns: int
    picture: str  # file name in rgb/
    camera: int
    known: float


def to_units(z_m: np.ndarray, units_per_m: int) -> np.ndarray:
    """Code depth (H, W) as uint16; what does not fit (65534 units are the most) becomes unknown."""
    units = np.rint(z_m.astype(np.float64) * units_per_m)
    with np.errstate(invalid='ignore'):
        fits = (units >= 1) & (units < BEYOND)
    return np.where(fits, units, np.where(np.isposinf(z_m), BEYOND, 0)).astype(np.uint16)


def from_units(units: np.ndarray, units_per_m: int) -> np.ndarray:
    """Return depth (H, W) float32 of its code: NaN unknown, +inf beyond range."""
    z_m = units / np.float32(units_per_m)
    z_m[units == 0], z_m[units == BEYOND] = np.nan, np.inf
    return z_m


def claim(folder: Path, about: dict[str, Any]) -> None:
    """Say what a folder will hold, before anything else; raises BagError where something else is."""
    path = folder / ABOUT
    about = json.loads(json.dumps({'meaning': MEANING, **about}))
    if path.is_file():
        before = json.loads(path.read_text())
        changed = sorted(key for key in about if before.get(key) != about[key])
        if changed:
            raise BagError(f'{folder} was extracted with another {", ".join(changed)}: choose another place.')
    elif folder.is_dir() and any(folder.iterdir()):
        raise BagError(f'{folder} is not empty and has no {ABOUT}: choose another place.')
    for part in ('rgb', 'depth'):
        (folder / part).mkdir(parents=True, exist_ok=True)
    write_file(path, json.dumps(about, indent=1).encode())


def finish(folder: Path, kept: Iterable[ExtractedSample], cameras: list[Camera]) -> None:
    """Write the list of cameras and, last of all, that of pictures."""
    write_file(folder / CAMERAS, json.dumps([dataclasses.asdict(camera) for camera in cameras], indent=1).encode())
    text = io.StringIO()
    lines = csv.writer(text, lineterminator='\n')
    lines.writerow(field.name for field in dataclasses.fields(ExtractedSample))
    lines.writerows(dataclasses.astuple(each) for each in kept)
    write_file(folder / FRAMES, text.getvalue().encode())


def read_frames(folder: Path) -> tuple[list[ExtractedSample], list[Camera], int]:
    """Read the pictures, the cameras and units_per_m of a folder. Raises BagError, one sentence with the file."""
    path = folder / ABOUT
    try:
        units_per_m = int(json.loads(path.read_text())['units_per_m'])
        path = folder / CAMERAS
        cameras = [Camera(**{**each, 'distortion': tuple(each['distortion'])}) for each in json.loads(path.read_text())]
        path = folder / FRAMES
        with path.open(newline='') as file:
            kept = [_kept(row) for row in csv.DictReader(file)]
        if any(not 0 <= each.camera < len(cameras) for each in kept):
            raise ValueError(f'it names a camera that {CAMERAS} does not have')
    except FileNotFoundError as error:
        raise BagError(f'{path} is not there: extract the recording again, it goes on where it stopped.') from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BagError(f'{path} cannot be read ({error}): delete it and extract the recording again.') from error
    return kept, cameras, units_per_m


def _kept(row: dict[str, str]) -> ExtractedSample:
    numbers = int(row['stamp_ns']), row['picture'], int(row['camera']), float(row['known'])
    return ExtractedSample(row['name'], row['split'], *numbers)
