# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read the tensors of a file of weights without running code that may be in it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from dav2_ros.models.huggingface import from_huggingface, is_huggingface
from dav2_ros.models.info import ModelError
from dav2_ros.models.pickles import check_pickled

if TYPE_CHECKING:
    from torch import Tensor

MAX_WRAPPERS = 4  # dictionaries around a state dict


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
    """Return the tensors of a file under their published names. Raises ModelError for what holds none, or more."""
    with open(path, 'rb') as file:
        head = file.read(64)
    if head.startswith(b'version https://git-lfs'):
        raise ModelError(f'{path} is a git-lfs pointer, not the weights: run `git lfs pull`, or fetch the file itself.')
    found = _read_safetensors(path) if is_safetensors(path) else _read_pth(path)
    return from_huggingface(found) if is_huggingface(found) else found


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except Exception as error:  # its own, and what torch raises for types it does not have
        raise ModelError(
            f'{path} is not a whole safetensors file ({_reason(error)}): copy or fetch it again.'
        ) from error


def _read_pth(path: Path) -> dict[str, Tensor]:
    import torch

    check_pickled(path)
    try:
        found = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # whatever PyTorch's reader raises for a damaged file, memory errors too
        raise ModelError(f'{path} cannot be read as weights ({_reason(error)}): copy or fetch it again.') from error
    for _ in range(MAX_WRAPPERS):  # train.py of the authors saves {'model': ..., 'optimizer': ..., 'epoch': ...}
        if not isinstance(found, dict):
            break
        found = next((found[key] for key in ('model', 'state_dict') if isinstance(found.get(key), dict)), found)
    if not isinstance(found, dict) or not found or not all(isinstance(v, torch.Tensor) for v in found.values()):
        raise ModelError(f'{path} holds no state dict (a table of named tensors): give the weights of a model.')
    return {str(key).removeprefix('module.'): tensor for key, tensor in found.items()}


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [''])[0] or type(error).__name__
