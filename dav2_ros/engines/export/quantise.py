# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Quantise to int8 for OpenVINO: the ranges of activations are measured on the user's own pictures."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from dav2_ros.engines import cache
from dav2_ros.engines.engine import EngineError
from dav2_ros.engines.export.export import network_onnx
from dav2_ros.engines.export.keys import GRAPH, network_key
from dav2_ros.engines.openvino_core import openvino_core
from dav2_ros.image.resize import ResizePlan
from dav2_ros.models.checkpoints import Checkpoint

if TYPE_CHECKING:
    import openvino

FILE = 'model.xml'


@dataclass(frozen=True)
class QuantisedModel:
    """A graph in int8, in OpenVINO's format: `image` (1, 3, h, w) float32 -> `depth` (1, h, w) float32.

    Or what `quantise_onnx` makes of the whole.
    """

    graph: Path
    calibration: str  # sha-256 of the pictures


def find_quantised(checkpoint: Checkpoint, plan: ResizePlan) -> QuantisedModel:
    """Return the latest int8 graph of these weights and this shape; raises EngineError that says how to make one."""
    network = [plan.net_height, plan.net_width]
    wanted = {'weights': checkpoint.sha256, 'what': cache.QUANTISED, 'graph': GRAPH, 'network': network}
    if found := find_latest(wanted, FILE):
        return found
    raise EngineError(
        f'There is no int8 graph of {checkpoint.info.name} for {plan.net_width}x{plan.net_height} here: make it '
        'with `dav2 export --int8 --calibrate BAG|FOLDER`, or choose another precision.'
    )


def find_latest(wanted: dict[str, object], file: str) -> QuantisedModel | None:
    """Return the file of the latest whole entry of the cache whose key holds what is wanted; None if there is none."""
    found = [
        (folder.stat().st_mtime_ns, folder, manifest['key']['calibration'])
        for folder, manifest in cache.entries()
        if wanted.items() <= manifest.get('key', {}).items() and cache.find(cache.CacheKey(**manifest['key'])) == folder
    ]
    if not found:
        return None
    _, folder, calibration = max(found)
    return QuantisedModel(folder / file, calibration)


def quantise(checkpoint: Checkpoint, plan: ResizePlan, pictures: Sequence[np.ndarray]) -> QuantisedModel:
    """Return the int8 graph whose ranges are those of these pictures, (H, W, 3) uint8 RGB of any shape.

    It takes minutes, and shows its progress on stderr. Raises EngineError.
    """
    nncf, openvino = load_nncf('openvino', 'OpenVINO')
    key = replace(
        network_key(checkpoint, plan),
        what=cache.QUANTISED,
        precision='int8',
        runtime=f'nncf {nncf.__version__}',
        calibration=digest_of(pictures),
    )

    def make(made: Path) -> None:
        model = openvino_core().read_model(network_onnx(checkpoint, plan))
        with contextlib.redirect_stdout(sys.stderr):  # where its progress bars belong
            quantised = nncf.quantize(
                model,
                nncf.Dataset(pictures, lambda picture: _image(picture, plan)),
                subset_size=len(pictures),
                model_type=nncf.ModelType.TRANSFORMER,
                ignored_scope=nncf.IgnoredScope(names=_kept(model)),
                advanced_parameters=nncf.AdvancedQuantizationParameters(
                    smooth_quant_alphas=nncf.AdvancedSmoothQuantParameters(convolution=-1, matmul=-1)
                ),
            )
        openvino.save_model(quantised, made / FILE, compress_to_fp16=False)

    folder = cache.obtain(key, make)
    os.utime(folder)  # the latest is the one that is found
    return QuantisedModel(folder / FILE, key.calibration)


def _image(picture: np.ndarray, plan: ResizePlan) -> np.ndarray:
    """Return (1, 3, h, w) float32; a picture of another shape is stretched, which moves no range."""
    height, width = picture.shape[:2]
    own = ResizePlan(height, width, plan.net_height, plan.net_width)
    return own.apply(picture)[None]


def _kept(model: openvino.Model) -> list[str]:
    """Return the names of the convolutions that stay in floats: the first one, and the last three.

    On 64 held-out procedural frames AbsRel of the bundled model rises from 0.1376 by 0.0060 with all of it in int8, by
    0.0032 without the last three (their 256 steps show in the metres), by 0.0025 without the first one too.
    """
    names = [op.get_friendly_name() for op in model.get_ordered_ops() if op.get_type_name() == 'Convolution']
    return [names[0], *names[-3:]]


def digest_of(pictures: Sequence[np.ndarray]) -> str:
    """Return what names a calibration: the sha-256 of its pictures."""
    digest = hashlib.sha256()
    for picture in pictures:
        digest.update(str(picture.shape).encode())
        digest.update(np.ascontiguousarray(picture).data)
    return digest.hexdigest()


def load_nncf(runtime: str, title: str) -> tuple[ModuleType, ModuleType]:
    """Import NNCF and the module of what runs its graphs; raises EngineError that says what to install."""
    os.environ.setdefault('NNCF_CI', '1')  # otherwise it reports its use to its makers
    try:
        nncf, module = import_module('nncf'), import_module(runtime)
    except ImportError as error:
        raise EngineError(
            f"Quantising needs NNCF and {title} ({error.name} is missing): `pip install 'dav2_ros[quantise]'`, or "
            'choose another precision.'
        ) from error
    nncf.set_log_level(logging.ERROR)
    return nncf, module
