# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Open every data set by name: where its loader is, and what it looks like on disk.

    registry.open_set('hypersim', '/data/hypersim', 'train')[0].z_m  # (768, 1024) float32

A loader is a class in a file of its own, `Loader(root, split)`, that satisfies sample.DepthSet and carries an `INFO`.
Where root is not its tree it raises `refuse(...)`; a file that cannot be read raises `decode.unreadable(...)`, which
all functions of decode.py do. That the split is one of its own, and that there is anything in it, is checked here.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from dav2_training.data.sample import DataError, DepthSet

LOADERS: dict[str, tuple[str, str]] = {  # name -> (module of this package, class)
    'bdd100k': ('sets.unlabelled', 'Bdd100k'),
    'blendedmvs': ('sets.blendedmvs', 'BlendedMvs'),
    'da2k': ('sets.da2k', 'Da2k'),
    'ddad': ('sets.ddad', 'Ddad'),
    'diode': ('sets.diode', 'Diode'),
    'eth3d': ('sets.eth3d', 'Eth3d'),
    'folder': ('sets.folder', 'ImageFolder'),
    'google-landmarks': ('sets.unlabelled', 'GoogleLandmarks'),
    'hypersim': ('sets.hypersim', 'Hypersim'),
    'ibims1': ('sets.ibims1', 'Ibims1'),
    'imagenet21k': ('sets.unlabelled', 'ImageNet21k'),
    'irs': ('sets.irs', 'Irs'),
    'kitti': ('sets.kitti', 'Kitti'),
    'lsun': ('sets.lsun', 'Lsun'),
    'nyuv2': ('sets.nyuv2', 'NyuV2'),
    'nyuv2-png': ('sets.nyuv2', 'NyuV2Png'),
    'objects365': ('sets.unlabelled', 'Objects365'),
    'openimages': ('sets.unlabelled', 'OpenImages'),
    'places365': ('sets.unlabelled', 'Places365'),
    'procedural': ('sets.procedural', 'ProceduralSet'),
    'recorded': ('sets.recorded', 'RecordedSet'),
    'sa1b': ('sets.unlabelled', 'Sa1b'),
    'shards': ('shards.shards', 'Shards'),
    'shards-disparity': ('shards.shards', 'DisparityShards'),
    'shards-metres': ('shards.shards', 'MetreShards'),
    'sintel': ('sets.sintel', 'Sintel'),
    'sunrgbd': ('sets.sunrgbd', 'SunRgbd'),
    'tartanair': ('sets.tartanair', 'TartanAir'),
    'vkitti2': ('sets.vkitti2', 'VKitti2'),
}


@dataclass(frozen=True)
class SetInfo:
    """A data set in words."""

    title: str
    tree: str  # the folders and files expected under its root, as `tree` would draw them
    splits: tuple[str, ...]
    truth: str  # 'metres', 'disparity' or 'none'
    licence: str
    source: str  # where to get it
    lists: bool = False  # whether a split may also be a text file of lines 'picture depth', relative to the root


def set_info(name: str) -> SetInfo:
    """Describe a data set; raises DataError for a name that there is not."""
    return loader(name).INFO


def loader(name: str) -> type:
    """Return the class that reads a data set; raises DataError for a name that there is not."""
    if name not in LOADERS:
        raise DataError(f'There is no data set {name!r}: choose one of {", ".join(sorted(LOADERS))}.')
    module, kind = LOADERS[name]
    return getattr(import_module(f'dav2_training.data.{module}'), kind)


def open_set(name: str, root: str | Path, split: str = '') -> DepthSet:
    """Open a data set; `split` '' is its first. Raises DataError that shows the tree it expects under `root`."""
    kind, root = loader(name), Path(root)
    split = split or kind.INFO.splits[0]
    if split not in kind.INFO.splits and not (kind.INFO.lists and Path(split).is_file()):
        file = ', or give a file of lines "picture depth"' if kind.INFO.lists else ''
        raise DataError(f'{name} has no split {split!r}: choose one of {", ".join(kind.INFO.splits)}{file}.')
    opened = kind(root, split)
    if not len(opened):
        raise refuse(kind, root, f'pictures of the split {split!r}')
    return opened


def refuse(kind: type, root: Path, missing: str) -> DataError:
    """Make the error of a directory that is not this data set, with the tree that is expected."""
    where = 'is not there' if not root.exists() else f'has no {missing}'
    return DataError(f'{root} {where}: {kind.INFO.title} is expected there like this:\n{kind.INFO.tree}')
