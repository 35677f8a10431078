# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The models that we know by name, and where their files belong."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from dav2_ros.models.info import ModelError, ModelInfo, read_info

__all__ = ['BUNDLED', 'BUNDLED_FILE', 'REGISTRY', 'ModelError', 'ModelInfo']

BUNDLED = 'vitt-procedural'
BUNDLED_FILE = Path(__file__).parent / 'bundled' / f'{BUNDLED}.safetensors'
HF_FILE = 'model.safetensors'
# Effective focal length of the training images once their short side is 518 px. Hypersim: 886.81 px at 1024x768 (60
# degrees); Virtual KITTI 2: 725.0087 px at 1242x375. Derived from the data sets, not published by the authors, and
# not the focal length of a canonical camera: hence canonical is False and the correction is off until asked for.
HYPERSIM_F_PX = 886.81 * 518 / 768  # 598.1
VKITTI_F_PX = 725.0087 * 518 / 375  # 1001.5


def _official() -> list[ModelInfo]:
    """List the published V2 weights (Depth-Anything-V2 README.md and metric_depth/README.md).

    Licences: Small is Apache-2.0. For Base and Large the README says CC-BY-NC-4.0; for the metric ones it says nothing
    and some repository cards disagree, so everything that is not Small is treated as non-commercial.
    """
    found = []
    for size, preset in (('Small', 'vits'), ('Base', 'vitb'), ('Large', 'vitl')):
        license = 'Apache-2.0' if size == 'Small' else 'CC-BY-NC-4.0'
        for name, theirs, hf, max_depth_m, f_px in (
            ('', '', '', None, None),
            ('metric-indoor-', 'Metric-Hypersim-', 'Metric-Indoor-', 20.0, HYPERSIM_F_PX),
            ('metric-outdoor-', 'Metric-VKITTI-', 'Metric-Outdoor-', 80.0, VKITTI_F_PX),
        ):
            facts = {
                'preset': preset,
                'kind': 'metric' if max_depth_m else 'relative',
                'max_depth_m': max_depth_m,
                'f_train_px': f_px,
                'license': license,
            }
            name = f'v2-{name}{size.lower()}'
            repo = 'depth-anything/Depth-Anything-V2-'
            file = f'depth_anything_v2_{theirs.lower().replace("-", "_")}{preset}.pth'
            found.append(ModelInfo(name, file=file, repo=f'{repo}{theirs}{size}', **facts))
            found.append(ModelInfo(f'{name}-hf', file=HF_FILE, repo=f'{repo}{hf}{size}-hf', **facts))
    return found


def _bundled() -> list[ModelInfo]:
    """List the model in the package, as its own metadata describes it; `load` says what is wrong with a bad file."""
    try:
        info = read_info(BUNDLED_FILE)
    except (ModelError, OSError):
        return []
    return [info] if info else []


REGISTRY: dict[str, ModelInfo] = {info.name: info for info in [*_bundled(), *_official()]}


def models_home() -> Path:
    """Return the folder of fetched weights: $DAV2_HOME, or ~/.cache/dav2_ros/models."""
    return Path(os.environ.get('DAV2_HOME') or Path.home() / '.cache' / 'dav2_ros' / 'models').expanduser()


def local_path(info: ModelInfo) -> Path:
    """Return where the file of a known model is, or belongs (the hub calls many files alike: one folder per model)."""
    return BUNDLED_FILE if info.name == BUNDLED else models_home() / info.name / info.file


def hash_record(path: Path) -> Path:
    """Return the file, beside the weights, that holds the sha-256 they were fetched with (in sha256sum's format)."""
    return path.with_name(f'{path.name}.sha256')


def own_models() -> dict[str, ModelInfo]:
    """List the user's own models: files NAME/NAME.safetensors in models_home() that say in themselves what they are."""
    found = {}
    for path in sorted(models_home().glob('*/*.safetensors')):
        if path.stem == path.parent.name and path.stem not in REGISTRY:
            try:
                info = read_info(path)
                found |= {path.stem: replace(info, name=path.stem, file=path.name)} if info else {}
            except (ModelError, OSError):
                continue  # `load` of the file says what is wrong with it
    return found


def known_models() -> dict[str, ModelInfo]:
    """List all models that a name stands for, published and own."""
    return {**REGISTRY, **own_models()}


def lookup(name: str) -> ModelInfo:
    """Return the known model of this name; raises ModelError."""
    known = known_models()
    if name not in known:
        raise ModelError(f'There is no model {name!r}: choose one of {", ".join(known)}.')
    return known[name]


def identify(path: Path, sha256: str) -> ModelInfo | None:
    """Find a file among the known models: by its content, its name, or its folder (model or repository name)."""
    for info in REGISTRY.values():
        if info.sha256 and info.sha256 == sha256:
            return info
    for info in REGISTRY.values():
        folders = (info.name, info.repo.rpartition('/')[2])
        if path.name == info.file and (info.file != HF_FILE or path.parent.name in folders):
            return info
    return None


def is_first_generation(path: Path) -> bool:
    """Tell V1 weights by their published file and repository names."""
    file, folder = path.name.lower(), path.parent.name.lower()
    return bool(
        re.match(r'(checkpoints_)?depth_anything_vit[sbl]14', file)
        or re.match(r'depth_anything_vit[sbl]14$|depth-anything-(small|base|large)-hf$', folder)
    )
