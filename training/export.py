# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Convert a trained checkpoint to the runtime's safetensors, with metadata inside that says what it is.

    dav2-train export out/metric/last.pt --out my.safetensors --name my-model
    dav2 infer photo.jpg --model my.safetensors

Without --out the file goes where the runtime keeps models, and the name alone is enough: `--model my-model`, and
`model:=my-model` for the node.
"""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Optional

import torch
import typer
from torch import Tensor

from dav2_ros.models import checkpoints
from dav2_ros.models.info import ModelError, ModelInfo
from dav2_ros.models.pickles import check_pickled
from dav2_ros.models.registry import REGISTRY, models_home

DTYPES = {'float16': torch.float16, 'bfloat16': torch.bfloat16, 'float32': torch.float32}


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """What a stage left: weights, what they are, and how they came to be."""

    weights: Mapping[str, Tensor]
    info: ModelInfo
    notes: Mapping[str, Any]


def read(path: Path) -> TrainedModel:
    """Read a checkpoint of a stage whose network the runtime can run; raises ModelError."""
    try:
        check_pickled(path)
        state = torch.load(path, map_location='cpu', weights_only=True, mmap=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise ModelError(f'{path} is not a whole checkpoint of ours: give the last.pt of a run.') from error
    if not isinstance(state, dict) or not isinstance(state.get('model'), dict) or 'network' not in state:
        raise ModelError(f'{path} does not say what model it is: give the last.pt of a stage that trains depth.')
    notes = {'steps': state['step'], 'config': json.dumps(state.get('config', {}))}
    return TrainedModel(state['network'], ModelInfo.from_facts(state['model']), notes)


def write(trained: TrainedModel, out: Path | None, name: str = '', license: str = '', dtype: str = 'float16') -> Path:
    """Write the runtime's file and return where it is; without `out` it becomes a model known by its name.

    Raises ModelError for a name that another model has, and for weights that are not whole and finite.
    """
    info = replace(trained.info, name=name or trained.info.name, license=license or trained.info.license)
    if out is None and (info.name in REGISTRY or not re.fullmatch(r'[\w.-]+', info.name)):
        raise ModelError(f'{info.name!r} cannot be the name of a model of yours: choose another with --name, or --out.')
    path = out or models_home() / info.name / f'{info.name}.safetensors'
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoints.save(path, trained.weights, info, notes=trained.notes, dtype=DTYPES[dtype])
    return path


def main(
    checkpoint: Annotated[Path, typer.Argument(help='The last.pt of a run.')],
    out: Annotated[Optional[Path], typer.Option(help='File to write; left out: known by its name.')] = None,  # noqa: UP045
    name: Annotated[str, typer.Option(help="What to call the model; left out: the run's name.")] = '',
    license: Annotated[str, typer.Option(help="SPDX name of its licence; left out: the run's.")] = '',
    dtype: Annotated[str, typer.Option(help=f'How weights are stored: {", ".join(DTYPES)}.')] = 'float16',
) -> None:
    """Turn a checkpoint into a model that `dav2 infer --model` and the node's `model:=` take."""
    if dtype not in DTYPES:
        raise typer.BadParameter(f'dtype is {dtype!r}: choose one of {", ".join(DTYPES)}.')
    path = write(read(checkpoint), out, name, license, dtype)
    info = checkpoints.load(path).info  # as the runtime will: a file that it refuses is not left unnoticed
    what = f'metres up to {info.max_depth_m:g}' if info.kind == 'metric' else 'relative inverse depth'
    typer.echo(f'{path}: {info.name}, {info.preset}, {what}, {info.license}')
