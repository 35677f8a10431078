# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Point clouds as PLY files, which MeshLab, CloudCompare, Open3D and Blender open."""

from __future__ import annotations

import numpy as np

VERTEX = np.dtype(
    [('x', '<f4'), ('y', '<f4'), ('z', '<f4'), ('red', 'u1'), ('green', 'u1'), ('blue', 'u1')]
)  # camera's axes: x right, y down, z ahead, metres


def ply(points: np.ndarray) -> bytes:
    """Make a binary PLY file of a cloud of cloud.POINT, of any shape; points that are NaN are left out."""
    flat = points.reshape(-1)
    flat = flat[np.isfinite(flat['z'])]
    vertices = np.empty(len(flat), VERTEX)
    for axis in 'xyz':
        vertices[axis] = flat[axis]
    bgr = np.ascontiguousarray(flat['rgb']).view(np.uint8).reshape(-1, 4)
    for channel, name in enumerate(('blue', 'green', 'red')):
        vertices[name] = bgr[:, channel]
    kinds = {'<f4': 'float', '|u1': 'uchar'}
    fields = [f'property {kinds[VERTEX[name].str]} {name}' for name in VERTEX.names]
    lines = ['ply', 'format binary_little_endian 1.0', f'element vertex {len(flat)}', *fields, 'end_header', '']
    return '\n'.join(lines).encode() + vertices.tobytes()
