# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tensors in a file of weights, read without running code that may be in it."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

from dav2_ros.models.huggingface import from_huggingface, is_huggingface
from dav2_ros.models.info import ModelError

if TYPE_CHECKING:
    from torch import Tensor


def sha256_of(path: str | Path) -> str:
    """Return the sha-256 of a file as hexadecimal."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def is_safetensors(path: Path) -> bool:
    """Tell a safetensors file by its suffix or its first bytes."""
    with open(path, 'rb') as file:
        head = file.read(9)
    return path.suffix == '.safetensors' or head[8:] == b'{'


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file under their published names."""
    with open(path, 'rb') as file:
        head = file.read(64)
    if head.startswith(b'version https://git-lfs'):
        raise ModelError(f'{path} is a git-lfs pointer, not the weights: run `git lfs pull`, or fetch the file itself.')
    found = _read_safetensors(path) if is_safetensors(path) else _read_pth(path)
    return from_huggingface(found) if is_huggingface(found) else found


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ModelError(f'{path} is not a whole safetensors file ({error}): copy or fetch it again.') from error


def _read_pth(path: Path) -> dict[str, Tensor]:
    import torch

    try:
        found = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f'{path} holds more than tensors (or no weights at all) and was not opened, since that could run code: '
            'ask its author for a safetensors file or a plain state dict.'
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f'{path} cannot be read as weights ({reason}): copy or fetch it again.') from error
    while isinstance(found, dict):  # train.py of the authors saves {'model': ..., 'optimizer': ..., 'epoch': ...}
        inner = next((found[key] for key in ('model', 'state_dict') if isinstance(found.get(key), dict)), None)
        if inner is None:
            break
        found = inner
    if not isinstance(found, dict) or not found or not all(isinstance(v, torch.Tensor) for v in found.values()):
        raise ModelError(f'{path} holds no state dict (a table of named tensors): give the weights of a model.')
    return {str(key).removeprefix('module.'): tensor for key, tensor in found.items()}
