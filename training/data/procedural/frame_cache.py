# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Render a fixed number of procedural frames as a data set, each when first asked for, kept on disk.

ProceduralFrames('procedural', seed=1, frames=4096, height=168, width=224, cache='out/frames')[0].z_m
"""

from __future__ import annotations

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.files.atomic import written_beside
from dav2_training.data.procedural.domain_shift import ShiftedScenes
from dav2_training.data.procedural.procedural import ProceduralScenes
from dav2_training.data.sample import DataError, Sample
from dav2_training.data.varied.scenes import VariedScenes

WORLDS = {'procedural': ProceduralScenes, 'shifted': ShiftedScenes, 'varied': VariedScenes}


@dataclass(frozen=True)
class ProceduralFrames:
    """Frames 0 to `frames` of one world and seed, a DepthSet with exact metres."""

    world: str
    seed: int
    frames: int
    height: int = 168
    width: int = 224
    cache: str = ''  # folder to keep frames in, for whoever asks again; '' renders each time

    def __len__(self) -> int:
        return self.frames

    def __getitem__(self, index: int) -> Sample:
        """Return a frame. Raises IndexError beyond the last."""
        if not 0 <= index < self.frames:
            raise IndexError(index)
        rgb, z_m, f_px = self._kept(index) if self.cache else self._render(index)
        camera = Camera.from_hfov(self.width, self.height, 2 * math.atan(0.5 * self.width / f_px))
        return Sample(rgb, f'{index:08d}', z_m=z_m, camera=camera)

    def _render(self, index: int) -> tuple[np.ndarray, np.ndarray, float]:
        batch = WORLDS[self.world](self.seed, self.height, self.width).batch([index])
        return batch.rgb[0].numpy(), batch.z_m[0].numpy(), float(batch.f_px[0])

    def _kept(self, index: int) -> tuple[np.ndarray, np.ndarray, float]:
        folder = Path(self.cache) / f'{self.world}-{self.seed}-{self.height}x{self.width}' / f'{index // 1000:05d}'
        path = folder / f'{index:08d}.npz'
        try:
            with np.load(path) as kept:
                return kept['rgb'], kept['z_m'], float(kept['f_px'])
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise DataError(f'{path} is damaged ({error}): delete it, and it is rendered again.') from error
        rgb, z_m, f_px = self._render(index)
        with written_beside(path) as part:
            np.savez(part, rgb=rgb, z_m=z_m, f_px=np.float32(f_px))
        return rgb, z_m, f_px
