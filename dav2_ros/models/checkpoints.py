# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read weights without running code in them, check them against what they are said to be, write them whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dav2_ros.files.atomic import written_beside
from dav2_ros.models.files import is_safetensors, read_tensors, sha256_of
from dav2_ros.models.info import METADATA_KEY, read_info
from dav2_ros.models.registry import (
    BUNDLED,
    BUNDLED_FILE,
    REGISTRY,
    ModelError,
    ModelInfo,
    hash_record,
    identify,
    is_first_generation,
    known_models,
    local_path,
    own_models,
)
from dav2_ros.network.presets import PRESETS

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from dav2_ros.network.dpt import DepthAnything

__all__ = ['Checkpoint', 'ModelError', 'ModelInfo', 'build', 'load', 'save', 'sha256_of']


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Weights with the published names, as stored on disk (often float16), and what they are."""

    info: ModelInfo
    state_dict: Mapping[str, Tensor]
    sha256: str  # of the file


def load(name_or_path: str | Path, *, stated: ModelInfo | None = None) -> Checkpoint:
    """Load a model of the registry by name, or a .pth or .safetensors file by path.

    What the weights are comes from the file's own metadata, else from the registry (content or file name), else from
    `stated`. Raises ModelError: not there, not readable, holds code, unknown and unstated, or a contradiction.
    """
    path, named = _locate(name_or_path)
    sha256 = sha256_of(path)
    _check_recorded(path, sha256)
    state_dict = read_tensors(path)
    own = read_info(path) if is_safetensors(path) else None
    known = own or named or identify(path, sha256)
    if known is None and is_first_generation(path):
        raise _first_generation(path)
    if known and stated:
        _check_stated(path, known, stated, by_name=not own)
    info = known or stated
    if info is None:
        raise ModelError(
            f'{path} is not a model we know, and its tensors (preset {guess_preset(state_dict) or "unknown"}) do not '
            'tell what it predicts: state its preset, its kind (relative or metric) and, if metric, its max_depth_m.'
        )
    if info.generation != 'v2':
        raise _first_generation(path)
    check(state_dict, info.preset, str(path))
    return Checkpoint(replace(info, sha256=sha256), state_dict, sha256)


def save(
    path: str | Path,
    state_dict: Mapping[str, Tensor],
    info: ModelInfo,
    *,
    notes: Mapping[str, object] | None = None,
    dtype: torch.dtype | None = None,
) -> str:
    """Write weights and their info as one safetensors file, beside and then renamed; return its sha-256.

    `notes` (anything JSON: data, command, seed, steps, accuracy) travels in the metadata; `dtype` is the storage
    type, by default each tensor's own. Raises ModelError if the weights are not those of `info.preset`.
    """
    from safetensors.torch import save_file

    path = Path(path)
    weights = {k: v.detach().to('cpu', dtype or v.dtype).contiguous() for k, v in state_dict.items()}
    check(weights, info.preset, 'The state dict to save')
    facts = replace(info, file=path.name, sha256='').to_facts() | {'notes': dict(notes or {})}
    with written_beside(path) as part:
        save_file(weights, part, {METADATA_KEY: json.dumps(facts, sort_keys=True)})
        part.chmod(0o644)  # safetensors leaves it to its owner alone
    return sha256_of(path)


def build(checkpoint: Checkpoint) -> DepthAnything:
    """Make the network of a checkpoint in float32 and eval mode; it shares no memory with the checkpoint."""
    import torch

    from dav2_ros.network.dpt import DepthAnything

    info = checkpoint.info
    if info.generation != 'v2':
        raise _first_generation(Path(info.file or info.name))
    check(checkpoint.state_dict, info.preset, info.file or info.name)
    with torch.device('meta'):
        model = DepthAnything(info.preset, info.max_depth_m)
    weights = {k: v.to(torch.float32, copy=True) for k, v in checkpoint.state_dict.items()}
    model.load_state_dict(weights, strict=True, assign=True)
    return model.eval()


def check(state_dict: Mapping[str, Tensor], preset: str, source: str) -> None:
    """Raise ModelError unless names, shapes and values are those of whole weights of this preset."""
    import torch

    from dav2_ros.network.dpt import DepthAnything

    guess = guess_preset(state_dict)
    if guess and guess != preset:
        dim = PRESETS[guess].embed_dim
        raise ModelError(
            f'{source}: these weights have embed_dim {dim}: they are {guess}, not {preset}; state {guess}.'
        )
    with torch.device('meta'):
        wanted = DepthAnything(preset, None).state_dict()
    missing = [k for k in wanted if k not in state_dict]
    unexpected = [k for k in state_dict if k not in wanted]
    if missing or unexpected:
        parts = [
            f'{len(keys)} {what} (first {keys[0]})'
            for keys, what in ((missing, 'missing'), (unexpected, 'too many'))
            if keys
        ]
        raise ModelError(
            f'{source} does not hold the weights of a Depth Anything V2 {preset}: tensors {" and ".join(parts)}; '
            'use weights of this network.'
        )
    for key, tensor in state_dict.items():
        if tensor.shape != wanted[key].shape:
            raise ModelError(
                f'{source}: {key} has shape {tuple(tensor.shape)}, {preset} needs {tuple(wanted[key].shape)}; '
                'use weights of this preset.'
            )
        if not torch.isfinite(tensor).all():
            raise ModelError(f'{source}: {key} holds NaN or inf: the file is damaged or its training diverged.')


def guess_preset(state_dict: Mapping[str, Tensor]) -> str | None:
    """Tell the preset by the width of the tokens; None when it is none of ours."""
    token = state_dict.get('pretrained.cls_token')
    dims = {preset.embed_dim: name for name, preset in PRESETS.items()}
    return None if token is None else dims.get(token.shape[-1])


def _locate(name_or_path: str | Path) -> tuple[Path, ModelInfo | None]:
    """Return the file, and the registry's entry if it was asked for by name."""
    name = str(name_or_path)
    info = REGISTRY.get(name) or own_models().get(name)
    path = BUNDLED_FILE if name == BUNDLED else local_path(info) if info else Path(name_or_path).expanduser()
    if path.is_file():
        return path, info
    if name == BUNDLED:
        raise ModelError(f'The bundled model {name} is not in this installation: install dav2_ros again, with {path}.')
    if info:
        raise ModelError(f'Model {name} is not here yet: run `dav2 models fetch {name}`, or put {info.url} at {path}.')
    known = ', '.join({BUNDLED: None, **known_models()})
    raise ModelError(f'{name!r} is neither a file nor one of the models {known}.')


def _check_recorded(path: Path, sha256: str) -> None:
    """Refuse a file that changed since it was fetched (`fetch` writes its hash beside it)."""
    record = hash_record(path)
    if record.is_file() and (wanted := (record.read_text(errors='replace').split() or ['nothing'])[0]) != sha256:
        raise ModelError(f'{path} has sha-256 {sha256}, fetched was {wanted}: delete it and fetch it again.')


def _check_stated(path: Path, known: ModelInfo, stated: ModelInfo, by_name: bool) -> None:
    """Refuse what the user states where the file or the registry knows otherwise."""
    pairs: list[tuple[str, Any, Any]]
    pairs = [(field, getattr(known, field), getattr(stated, field)) for field in ('kind', 'preset', 'max_depth_m')]
    if stated.f_train_px is not None and known.f_train_px is not None:
        shares = known.f_train_px / known.train_size, stated.f_train_px / stated.train_size
        pairs.append(('f_train_px / train_size', round(shares[0], 3), round(shares[1], 3)))
        pairs.append(('canonical', known.canonical, stated.canonical))
    for field, fact, claim in pairs:
        if fact == claim:
            continue
        remedy = 'leave it out' if claim != 'metric' else 'use a metric model, such as v2-metric-indoor-small'
        raise ModelError(
            f'{path} is known as {known.name}, with {field} {fact}, yet {field} {claim} is stated: {remedy}'
            f'{", or rename the file if it holds weights of your own" if by_name else ""}.'
        )


def _first_generation(path: Path) -> ModelError:
    return ModelError(
        f'{path} holds Depth Anything V1 weights, which a V2 network loads and turns into wrong depth: use a V2 model '
        '(`dav2 models list`).'
    )
