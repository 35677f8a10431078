# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run `dav2 models list | show NAME | fetch NAME`."""

from __future__ import annotations

from typing import Annotated

import typer

from dav2_ros.models.info import read_facts
from dav2_ros.models.registry import BUNDLED, known_models, local_path, lookup

models_app = typer.Typer(help='Which weights there are, what they are, and getting them.', no_args_is_help=True)
Name = Annotated[str, typer.Argument(help='A name that `dav2 models list` prints.')]


@models_app.command('list')
def list_models() -> None:
    """List the models that can be used by name, and which of them are on this machine."""
    rows = [('NAME', 'PRESET', 'KIND', 'UP TO', 'LICENCE', 'HERE')]
    for info in known_models().values():
        up_to = f'{info.max_depth_m:g} m' if info.max_depth_m else '-'
        here = 'yes' if local_path(info).is_file() else '-'
        rows.append((info.name, info.preset, info.kind, up_to, info.license, here))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo('  '.join(map(str.ljust, row, widths)).rstrip())


@models_app.command()
def show(name: Name) -> None:
    """Print what is known about one model, and where its file is or belongs."""
    info = lookup(name)
    path = local_path(info)
    focal = f'{info.f_train_px:.1f} px at {info.train_size} px' if info.f_train_px else 'unknown'
    unpinned = 'not pinned: verified against what the hub states when fetched' if info.repo else 'not recorded'
    facts = {
        'name': info.name,
        'preset': info.preset,
        'predicts': f'metres, up to {info.max_depth_m:g}' if info.max_depth_m else 'relative inverse depth, no metres',
        'generation': info.generation,
        'training focal': focal + (' (canonical camera)' if info.canonical else ''),
        'licence': info.license + (' (no commercial use)' if info.is_non_commercial else ''),
        'source': info.url or ('ships with dav2_ros' if name == BUNDLED else 'your own'),
        'sha-256': info.sha256 or unpinned,
        'file': f'{path}{"" if path.is_file() else " (not here yet)"}',
    }
    if path.is_file() and path.suffix == '.safetensors':
        facts |= read_facts(path).get('notes', {})
    for key, value in facts.items():
        typer.echo(f'{key + ":":16}{value}')


@models_app.command()
def fetch(
    name: Name,
    accept_non_commercial: Annotated[
        bool, typer.Option('--accept-non-commercial', help='I read the licence and use the weights non-commercially.')
    ] = False,
) -> None:
    """Download the weights of one model; an interrupted download goes on where it stopped."""
    from dav2_ros.models.fetch import fetch as fetch_weights

    info = lookup(name)
    typer.echo(f'{name} is under {info.license}.')
    typer.echo(fetch_weights(name, accept_non_commercial=accept_non_commercial))
