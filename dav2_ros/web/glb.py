# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Write point clouds as GLB files (glTF 2.0), which browsers draw: y is up, so a cloud stands upright."""

from __future__ import annotations

import json
import struct

import numpy as np

POINTS, FLOAT, USHORT = 0, 5126, 5123  # glTF's names for a primitive and two component types


def glb(points: np.ndarray) -> bytes:
    """Make a GLB file of a cloud of cloud.POINT, of any shape; points that are NaN are left out.

    The camera's axes (x right, y down, z ahead) become glTF's (x right, y up, z back): half a turn around x. Colours
    become linear, as glTF wants them, in 16 bits.
    """
    flat = points.reshape(-1)
    flat = flat[np.isfinite(flat['z'])]
    xyz = np.stack([flat['x'], -flat['y'], -flat['z']], axis=-1).astype('<f4')
    bgr = np.ascontiguousarray(flat['rgb']).view(np.uint8).reshape(-1, 4)
    rgba = np.full((len(flat), 4), 65535, '<u2')
    rgba[:, :3] = _linear()[bgr[:, 2::-1]]
    return _file(_about(xyz), xyz.tobytes() + rgba.tobytes())


def _linear() -> np.ndarray:
    """Return (256,) uint16: the linear light of each sRGB level (IEC 61966-2-1)."""
    level = np.arange(256) / 255
    return np.rint(65535 * np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)).astype('<u2')


def _about(xyz: np.ndarray) -> dict:
    count = len(xyz)
    about = {
        'asset': {'version': '2.0', 'generator': 'dav2_ros'},
        'extensionsUsed': ['KHR_materials_unlit'],
        'scene': 0,
        'scenes': [{'nodes': []}],
    }
    if not count:  # glTF has no empty mesh
        return about
    spans = ((0, 12 * count), (12 * count, 8 * count))
    return about | {
        'scenes': [{'nodes': [0]}],
        'nodes': [{'mesh': 0}],
        'meshes': [{'primitives': [{'attributes': {'POSITION': 0, 'COLOR_0': 1}, 'mode': POINTS, 'material': 0}]}],
        'materials': [{'extensions': {'KHR_materials_unlit': {}}, 'pbrMetallicRoughness': {'metallicFactor': 0}}],
        'buffers': [{'byteLength': 20 * count}],
        'bufferViews': [{'buffer': 0, 'byteOffset': at, 'byteLength': length} for at, length in spans],
        'accessors': [
            {
                'bufferView': 0,
                'componentType': FLOAT,
                'count': count,
                'type': 'VEC3',
                'min': xyz.min(axis=0).tolist(),
                'max': xyz.max(axis=0).tolist(),
            },
            {'bufferView': 1, 'componentType': USHORT, 'normalized': True, 'count': count, 'type': 'VEC4'},
        ],
    }


def _file(about: dict, data: bytes) -> bytes:
    text = json.dumps(about, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 4)
    chunks = struct.pack('<I4s', len(text), b'JSON') + text
    if data:  # of 20 bytes a point: a multiple of 4
        chunks += struct.pack('<I4s', len(data), b'BIN\0') + data
    return struct.pack('<4sII', b'glTF', 2, 12 + len(chunks)) + chunks
