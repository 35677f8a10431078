# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Define how a number is made: crop, range, alignment. Without its protocol it cannot be compared.

judged = PROTOCOLS['kitti_garg'].judge(disparity, true_m, kind='relative')
print(judged.metrics.abs_rel, PROTOCOLS['kitti_garg'].sentence())
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dav2_ros.evaluation.alignment import ALIGNMENTS, Alignment, align
from dav2_ros.evaluation.metrics import DepthMetrics, depth_metrics
from dav2_ros.evaluation.ranges import EDGES_M, RangeTable, by_range

FAR = ('cap', 'leave')


class ProtocolError(ValueError):
    """A protocol that there is not, or that does not fit the pictures."""


@dataclass(frozen=True)
class Crop:
    """The part of a picture that counts: rows and columns from the first to before the last.

    As shares of the picture, cut to whole pixels towards zero; or, for pictures of `size` alone, as pixels.
    """

    rows: tuple[float, float]
    columns: tuple[float, float]
    size: tuple[int, int] | None = None  # height, width

    def box(self, height: int, width: int) -> tuple[slice, slice]:
        """Return the rows and the columns of a picture. Raises ProtocolError for one of another size."""
        if self.size and self.size != (height, width):
            raise ProtocolError(
                f'This crop is for {self.size[1]}x{self.size[0]} pictures, yet the truth is {width}x{height}: '
                'choose another --protocol.'
            )
        scale = (1, 1) if self.size else (height, width)
        rows, columns = (slice(int(n * a), int(n * b)) for n, (a, b) in zip(scale, (self.rows, self.columns)))
        return rows, columns

    def __str__(self) -> str:
        if self.size:
            return f'rows {self.rows[0]:g}:{self.rows[1]:g}, columns {self.columns[0]:g}:{self.columns[1]:g}'
        return f'rows {self.rows[0]}..{self.rows[1]}, columns {self.columns[0]}..{self.columns[1]} of the picture'


@dataclass(frozen=True, eq=False)
class ProtocolResult:
    """One frame under one protocol."""

    metrics: DepthMetrics
    ranges: RangeTable
    coverage: float  # share of the truth's pixels that count and got a distance
    aligned: Alignment


@dataclass(frozen=True)
class Protocol:
    """What is compared with what."""

    name: str
    title: str
    min_m: float  # truth in [min_m, max_m] counts
    max_m: float
    relative: str = 'lsq_disparity'  # of alignment.ALIGNMENTS: for models that predict disparity
    metric: str = 'none'  # the same for models that predict metres
    crop: Crop | None = None
    clamps: bool = True  # whether the prediction is clamped to [min_m, max_m] before it is compared
    far: str = 'cap'  # +inf counts as max_m, or is left out and shows in the coverage
    min_pixels: int = 10
    source: str = ''

    def __post_init__(self) -> None:
        if self.far not in FAR or {self.relative, self.metric} - set(ALIGNMENTS):
            raise ProtocolError(f'Protocol {self.name}: far is one of {FAR}, alignments are {", ".join(ALIGNMENTS)}.')

    def aligned_by(self, kind: str, how: str) -> Protocol:
        """Return this protocol with another alignment for models of a kind."""
        return replace(self, metric=how) if kind == 'metric' else replace(self, relative=how)

    def sentence(self, kind: str = 'metric') -> str:
        """Say all that is needed to make the number again."""
        how = getattr(self, kind)
        top = 'without upper limit' if np.isinf(self.max_m) else f'to {self.max_m:g} m'
        parts = [
            f'{self.title}: truth from {self.min_m:g} m {top}',
            f'{self.crop}' if self.crop else 'whole picture',
            f'prediction aligned per picture by {how} ({ALIGNMENTS[how]})' if how != 'none' else 'prediction as it is',
            'clamped to the same range' if self.clamps else 'not clamped',
            '"beyond range" counts as the upper limit' if self.far == 'cap' else '"beyond range" is not compared',
            f'mean over pictures with at least {self.min_pixels} pixels',
        ]
        return '; '.join(parts) + (f'. After {self.source}.' if self.source else '.')

    def mask(self, true_m: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
        """Return where truth (H, W) counts, bool."""
        counts = np.zeros(true_m.shape, bool)
        box = self.crop.box(*true_m.shape) if self.crop else (slice(None), slice(None))
        counts[box] = np.isfinite(true_m[box]) & (true_m[box] >= self.min_m) & (true_m[box] <= self.max_m)
        return counts if valid is None else counts & valid

    def judge(
        self,
        prediction: np.ndarray,
        true_m: np.ndarray,
        *,
        kind: str = 'metric',
        valid: np.ndarray | None = None,
        edges_m: tuple[float, ...] = EDGES_M,
    ) -> ProtocolResult | None:
        """Compare a prediction (H, W), metres or disparity, with truth of the same shape; None where nothing counts."""
        counts = self.mask(true_m, valid)
        total = int(counts.sum())
        if total < self.min_pixels:
            return None
        found = align(
            prediction, true_m, counts, kind=kind, how=getattr(self, kind), min_m=self.min_m, max_m=self.max_m
        )
        top = float(true_m[counts].max()) if np.isinf(self.max_m) else self.max_m
        z_m = found.z_m
        if self.far == 'cap':
            z_m = np.where(np.isposinf(z_m), top, z_m)
        if self.clamps:
            z_m = np.where(np.isfinite(z_m), np.clip(z_m, self.min_m, top), z_m)
        truth = np.where(counts, true_m, np.nan)
        metrics = depth_metrics(z_m, truth, min_m=self.min_m, max_m=top)
        if metrics is None or metrics.pixels < self.min_pixels:
            return None
        return ProtocolResult(metrics, by_range(z_m, truth, edges_m), metrics.pixels / total, replace(found, z_m=z_m))


GARG = Crop((0.40810811, 0.99189189), (0.03594771, 0.96405229))
EIGEN_KITTI = Crop((0.3324324, 0.91351351), (0.0359477, 0.96405229))
EIGEN_NYU = Crop((45, 471), (41, 601), (480, 640))

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol('kitti_garg', 'KITTI, Garg crop', 1e-3, 80.0, crop=GARG, source='Garg et al. 2016'),
        Protocol('kitti_eigen', 'KITTI, Eigen crop', 1e-3, 80.0, crop=EIGEN_KITTI, source='Eigen et al. 2014'),
        Protocol('nyu_eigen', 'NYUv2, Eigen crop', 1e-3, 10.0, crop=EIGEN_NYU, source='Eigen et al. 2014'),
        Protocol('sintel', 'Sintel', 1e-3, 70.0, source='the cap of Video-Depth-Anything, Chen et al. 2025'),
        Protocol('eth3d', 'ETH3D, high resolution', 1e-5, np.inf, source='Ke et al. 2024 (Marigold)'),
        Protocol('diode', 'DIODE', 0.6, 350.0, source='the range of Ke et al. 2024 (Marigold)'),
        Protocol('ibims1', 'iBims-1', 1e-3, 50.0, source='Koch et al. 2018, to the range of its scanner'),
        Protocol('ddad', 'DDAD', 1e-3, 200.0, source='Guizilini et al. 2020'),
        Protocol('sunrgbd', 'SUN RGB-D', 1e-3, 8.0, source='Bhat et al. 2023 (ZoeDepth)'),
        Protocol('monodepth', 'KITTI, median scaling', 1e-3, 80.0, relative='median', metric='median', crop=GARG,
                 source='Godard et al. 2019'),
        Protocol('official_indoor', "The published fine-tuning's loop, indoor", 1e-3, 20.0, clamps=False,
                 source='Depth-Anything-V2 metric_depth/train.py'),
        Protocol('official_outdoor', "The published fine-tuning's loop, outdoor", 1e-3, 80.0, clamps=False,
                 source='Depth-Anything-V2 metric_depth/train.py'),
        Protocol('plain', 'Plain', 1e-3, 80.0, clamps=False, far='leave'),
    )
}  # fmt: skip


def protocol(name: str) -> Protocol:
    """Return a protocol by name. Raises ProtocolError for one that there is not."""
    if name not in PROTOCOLS:
        raise ProtocolError(f'There is no protocol {name!r}: choose one of {", ".join(PROTOCOLS)}.')
    return PROTOCOLS[name]
