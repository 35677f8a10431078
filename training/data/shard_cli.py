# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dav2-train data shard SET PATH OUT`: a data set becomes tar files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dav2_training.data.shards.writer import ShardConfig, write_shards

D = ShardConfig('', '')
KINDS = {'metres': 'shards-metres', 'disparity': 'shards-disparity', 'none': 'shards'}


def shard(
    name: Annotated[str, typer.Argument(help='A name that `dav2-train data list` prints.')],
    path: Annotated[Path, typer.Argument(help='Its root on this disk.')],
    out: Annotated[Path, typer.Argument(help='Folder to write; after a stop, the same command goes on.')],
    split: Annotated[str, typer.Option(help='One of its splits, or a list file; without it the first.')] = D.split,
    per_shard: Annotated[int, typer.Option(min=1, help='Samples in a tar file.')] = D.per_shard,
    quality: Annotated[
        int,
        typer.Option(min=0, max=100, help='Of JPEG; 0 writes PNG. Pictures without truth are copied as they are.'),
    ] = D.quality,
    short_side: Annotated[
        int, typer.Option(min=0, help='Shrink larger pictures without truth to this; 0 shrinks none.')
    ] = D.short_side,
    workers: Annotated[int, typer.Option(min=1, help='Processes that write.')] = 1,
) -> None:
    """Write a data set as tar files that are read from front to back, or anywhere, and by WebDataset.

    Depth is stored to 0.0142 %; pictures that have depth are JPEGs of the quality given.
    """
    from rich.console import Console
    from rich.progress import Progress

    from dav2_training.data import registry

    config = ShardConfig(name, str(path), split, per_shard, quality, short_side)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=None)
        for done, of in write_shards(config, out, workers):
            progress.update(task, completed=done, total=of)
    total = sum(file.stat().st_size for file in out.glob('*.tar'))
    kind = KINDS[registry.about(name).truth]
    typer.echo(f'{out}: {of} tar files, {1e-9 * total:.2f} GB\nRead them as the data set `{kind}`.')
