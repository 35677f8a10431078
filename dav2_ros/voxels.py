# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One point per voxel, by one sort of integers."""

from __future__ import annotations

import numpy as np

BITS = 14  # per axis: +-8192 voxels, 400 m of 5 cm; three axes and the place of a point share 64 bits
PLACE_BITS = 63 - 3 * BITS


def one_per_voxel(x: np.ndarray, y: np.ndarray, z: np.ndarray, voxel_m: float) -> np.ndarray:
    """Return the indices (M,), ascending, of the first of N finite points in each voxel.

    Voxels are cubes of `voxel_m` from the origin of the cloud's frame. Points that are further away than 8192 voxels
    count as being there.
    """
    half, per_m = 1 << (BITS - 1), np.float32(1.0 / voxel_m)
    voxel = np.zeros(len(z), np.int64)
    for axis in (x, y, z):
        cell = axis * per_m
        cell += np.float32(half)
        np.clip(cell, 0.0, np.float32(2 * half - 1), out=cell)
        voxel <<= BITS
        voxel |= cell.astype(np.int32)  # positive: cutting off is rounding down
    begins = np.ones(len(z), bool)
    np.not_equal(voxel[1:], voxel[:-1], out=begins[1:])  # neighbours in a row share voxels: most points end here
    place = np.flatnonzero(begins)
    voxel = voxel[place]
    if len(place) and int(place[-1]) >> PLACE_BITS:
        raise ValueError(f'A cloud of {len(z)} points is too large for voxels: choose a stride.')
    voxel = np.sort(voxel << PLACE_BITS | place)  # by voxel, then by place
    first = np.ones(len(voxel), bool)
    np.not_equal(voxel[1:] >> PLACE_BITS, voxel[:-1] >> PLACE_BITS, out=first[1:])
    return np.sort(voxel[first] & ((1 << PLACE_BITS) - 1))
