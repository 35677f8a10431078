# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pseudo labels on disk: a disparity map as a 16-bit PNG that says its own range and who made it.

Stored is round(65535 (d - low) / (high - low)): off by at most (high - low) / 131070, beside float32's own rounding. A
loss that is invariant to scale and shift would not even need low and high.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dav2_ros.disk import write_file
from dav2_ros.encoded_image import decode_image
from dav2_ros.resize import ResizePlan
from dav2_training.data.sample import DataError, DepthSet, Sample

STEPS = 65535
KEYWORD = b'dav2_ros'  # of the PNG's text chunk
SIGNATURE_AND_HEADER = 8 + 25  # bytes: a PNG's signature, then its first chunk, IHDR


def encode(disparity: np.ndarray, notes: Mapping[str, Any]) -> bytes:
    """Return the PNG of a finite (H, W) float32 disparity. Raises ValueError for one that is not finite."""
    low, high = float(disparity.min()), float(disparity.max())
    if not np.isfinite(high - low):
        raise ValueError('the disparity is not finite')
    scaled = (disparity.astype(np.float64) - low) * (STEPS / max(high - low, 1e-30))
    png = cv2.imencode('.png', np.rint(scaled).astype(np.uint16), [cv2.IMWRITE_PNG_COMPRESSION, 3])[1].tobytes()
    text = KEYWORD + b'\0' + json.dumps({'low': low, 'high': high, **notes}).encode('latin-1')
    checksum = zlib.crc32(b'tEXt' + text)
    chunk = struct.pack('>I', len(text)) + b'tEXt' + text + struct.pack('>I', checksum)
    return png[:SIGNATURE_AND_HEADER] + chunk + png[SIGNATURE_AND_HEADER:]


def decode(png: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the disparity (H, W) float32, and what is noted of it. Raises ValueError for other files."""
    length, kind = struct.unpack_from('>I4s', png, SIGNATURE_AND_HEADER) if len(png) > 64 else (0, b'')
    start = SIGNATURE_AND_HEADER + 8
    keyword, _, text = png[start : start + length].partition(b'\0')
    if kind != b'tEXt' or keyword != KEYWORD:
        raise ValueError('it is no pseudo label of ours')
    steps = decode_image(png, cv2.IMREAD_UNCHANGED)
    notes = json.loads(text)
    low, high = notes['low'], notes['high']
    return (low + steps * ((high - low) / STEPS)).astype(np.float32), notes


def label_path(folder: Path, name: str) -> Path:
    """Return where the label of a picture is; a picture is called by its name in its set."""
    return folder / f'{name}.png'


def write(path: Path, png: bytes) -> None:
    """Write a label, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, png)


@dataclass(frozen=True)
class PseudoLabelled:
    """A set of pictures with the labels that a teacher gave them, whatever truth the set has itself."""

    pictures: DepthSet
    labels: Path

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Sample:
        """Read a picture and its label, brought to the picture's size. Raises DataError where there is none."""
        sample = self.pictures[index]
        path = label_path(self.labels, sample.name)
        try:
            disparity, _ = decode(path.read_bytes())
        except FileNotFoundError as error:
            raise DataError(f'{path} is not there: run `dav2-train pseudo-label` to its end.') from error
        except ValueError as error:
            raise DataError(f'{path} cannot be read ({error}): delete it and label again.') from error
        h, w = sample.rgb.shape[:2]
        if disparity.shape != (h, w):
            disparity = np.array(ResizePlan(h, w, *disparity.shape).undo(disparity))
        return replace(sample, z_m=None, disparity=disparity)
