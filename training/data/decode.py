# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read one file of a data set; what cannot be read is one sentence that names the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dav2_ros.encoded_image import ImageError, decode_image
from dav2_training.data.sample import DataError


def unreadable(path: Path, why: object) -> DataError:
    """Make the error of a file that is missing, cut short or of another kind."""
    if not path.exists():
        return DataError(f'{path} is not there: was the archive unpacked completely?')
    why = ' '.join(str(why).split()).rstrip('.') or type(why).__name__
    return DataError(f'{path} cannot be read ({why}): download or unpack it again.')


def rgb(path: Path) -> np.ndarray:
    """Read a picture: (H, W, 3) uint8 as stored; a rotation in its EXIF would turn it away from its depth."""
    try:
        return picture(path.read_bytes(), path)
    except OSError as error:
        raise unreadable(path, error.strerror) from error


def picture(data: bytes, path: Path, *, upright: bool = False) -> np.ndarray:
    """Decode a picture: (H, W, 3) uint8, `upright` as its EXIF says; `path` is where it is from."""
    try:
        bgr = decode_image(data, cv2.IMREAD_COLOR if upright else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except ImageError as error:
        raise unreadable(path, error) from error
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def unchanged(path: Path) -> np.ndarray:
    """Read a picture's numbers as they are stored: (H, W) or (H, W, channels), BGR."""
    try:
        return decode_image(path.read_bytes(), cv2.IMREAD_UNCHANGED)
    except OSError as error:
        raise unreadable(path, error.strerror) from error
    except ImageError as error:
        raise unreadable(path, error) from error


def png16(path: Path) -> np.ndarray:
    """Read a picture of 16-bit numbers: (H, W) uint16."""
    found = unchanged(path)
    if found.dtype != np.uint16 or found.ndim != 2:
        raise unreadable(path, 'it is no picture with one channel of 16 bits')
    return found


def metres(stored: np.ndarray, per_metre: int) -> np.ndarray:
    """Turn whole numbers (H, W) into float32 metres; 0 is unknown: NaN."""
    z_m = stored.astype(np.float32)
    z_m /= per_metre
    z_m[stored == 0] = np.nan
    return z_m


def npy(path: Path, ndim: int = 2) -> np.ndarray:
    """Read an array of `ndim` dimensions from a .npy file."""
    try:
        found = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise unreadable(path, error) from error
    if found.ndim != ndim:
        raise unreadable(path, f'it has shape {found.shape}, not {ndim} dimensions')
    return found


def hdf5(path: Path, key: str = 'dataset', at: int | None = None) -> np.ndarray:
    """Read one array of an HDF5 file, or entry `at` of its first axis, as stored."""
    h5py = _h5py()
    try:
        with h5py.File(path, 'r') as file:
            return file[key][() if at is None else at]
    except (OSError, KeyError, IndexError) as error:
        raise unreadable(path, error) from error


def hdf5_shape(path: Path, key: str) -> tuple[int, ...]:
    """Return the shape of an array of an HDF5 file, without reading it."""
    h5py = _h5py()
    try:
        with h5py.File(path, 'r') as file:
            return file[key].shape
    except (OSError, KeyError) as error:
        raise unreadable(path, error) from error


def _h5py():
    try:
        import h5py
    except ImportError as error:
        raise DataError('Reading HDF5 needs h5py: pip install "dav2_ros[train]".') from error
    return h5py


def exr(path: Path) -> np.ndarray:
    """Read an OpenEXR file of one channel, or the first of several: (H, W) float32. OpenCV's own wheels cannot."""
    try:
        import OpenEXR
    except ImportError as error:
        raise DataError('Reading EXR needs OpenEXR: pip install "dav2_ros[train]".') from error
    try:
        with OpenEXR.File(str(path)) as file:
            found = next(iter(file.channels().values())).pixels
    except (RuntimeError, ValueError) as error:
        raise unreadable(path, error) from error
    return found[..., 0].astype(np.float32) if found.ndim == 3 else found.astype(np.float32)


def pfm(path: Path) -> np.ndarray:
    """Read a portable float map: (H, W) float32, first row on top (the file has it at the bottom)."""
    try:
        with path.open('rb') as file:
            kind, size, scale = (file.readline().strip() for _ in range(3))
            width, height = map(int, size.split())
            if kind != b'Pf':
                raise ValueError(f'it begins with {kind!r}, not with Pf')
            flat = np.fromfile(file, '<f4' if float(scale) < 0 else '>f4', width * height)
            return flat.reshape(height, width)[::-1].astype(np.float32)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def mat(path: Path) -> dict[str, Any]:
    """Read a MATLAB file of version 5: values by name, a struct as an object, a row of cells as an array."""
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise DataError('Reading .mat needs scipy: pip install "dav2_ros[train]".') from error
    try:
        return loadmat(path, squeeze_me=True, struct_as_record=False)
    except Exception as error:  # of a damaged file its parts raise whatever they stumble over
        raise unreadable(path, error) from error
