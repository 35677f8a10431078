# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run `dav2-train data list | show | check | shard | extract`: which data sets there are, and whether yours is one."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from dav2_ros.commands.bag_extract import extract
from dav2_training.data import registry
from dav2_training.data.check import SetStatistics, collect_statistics
from dav2_training.data.contact_sheet import write_sheet
from dav2_training.data.shards.writer import ShardConfig, write_shards

data_app = typer.Typer(help='Which data sets there are, what they look like on disk, and whether yours is one.')
data_app.command()(extract)
Name = Annotated[str, typer.Argument(help='A name that `dav2-train data list` prints.')]
SHARDS = ShardConfig('', '')  # the defaults
SHARD_SETS = {'metres': 'shards-metres', 'disparity': 'shards-disparity', 'none': 'shards'}  # by a set's truth
MAX_SHEET_SAMPLES = 8
MAX_BROKEN_LISTED = 5  # files


@data_app.command('list')
def list_sets() -> None:
    """List the data sets that can be read."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ('name', 'truth', 'splits', 'licence', 'source'):
        table.add_column(heading, no_wrap=heading in ('name', 'truth'), overflow='fold')
    for name in sorted(registry.LOADERS):
        about = registry.set_info(name)
        table.add_row(name, about.truth, ', '.join(about.splits), about.licence, about.source)
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(table)


@data_app.command()
def show(name: Name) -> None:
    """Print what is known about one data set, and the tree that is expected of it."""
    about = registry.set_info(name)
    lists = ', or a file of lines "picture depth"' if about.lists and about.truth != 'none' else ''
    typer.echo(f'{about.title}\n\n{inspect.getdoc(registry.loader(name)) or ""}\n\n{about.tree}\n')
    for key, value in {
        'truth': about.truth,
        'splits': ', '.join(about.splits) + lists,
        'licence': about.licence,
        'source': about.source,
    }.items():
        typer.echo(f'{key + ":":9}{value}')


@data_app.command()
def check(
    name: Name,
    path: Annotated[Path, typer.Argument(help='Its root on this disk.')],
    split: Annotated[str, typer.Option(help='One of its splits, or a list file; without it the first.')] = '',
    frames: Annotated[int, typer.Option(min=0, help='How many to read, evenly spread; 0 for all.')] = 200,
    sheet: Annotated[Path | None, typer.Option(help='Where to put the sheet; a PNG under out/data without it.')] = None,
) -> None:
    """Read frames of a data set, and tell sizes, ranges, what is known, and what cannot be read.

    Draws a sheet of pictures beside their depth. The exit status is 1 where a frame cannot be read.
    """
    from rich.console import Console
    from rich.progress import Progress

    about = registry.set_info(name)
    split = split or about.splits[0]
    opened = registry.open_set(name, path, split)
    numbers = spread(len(opened), frames or len(opened))
    keep = dict.fromkeys(numbers[i] for i in spread(len(numbers), MAX_SHEET_SAMPLES))
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=len(numbers))
        statistics = collect_statistics(opened, numbers, keep, lambda: progress.advance(task))
    for line in report_lines(name, split, about.truth, statistics):
        typer.echo(line)
    kept = [sample for sample in keep.values() if sample is not None]
    if kept:
        sheet = sheet or Path('out/data') / f'{name}_{Path(split).stem}.png'
        write_sheet(kept, statistics.percentiles, sheet)
        typer.echo(f'sheet:     {sheet}')
    if statistics.broken:
        raise typer.Exit(1)


@data_app.command()
def shard(
    name: Annotated[str, typer.Argument(help='A name that `dav2-train data list` prints.')],
    path: Annotated[Path, typer.Argument(help='Its root on this disk.')],
    out: Annotated[Path, typer.Argument(help='Folder to write; after a stop, the same command goes on.')],
    split: Annotated[str, typer.Option(help='One of its splits, or a list file; without it the first.')] = SHARDS.split,
    per_shard: Annotated[int, typer.Option(min=1, help='Samples in a tar file.')] = SHARDS.per_shard,
    quality: Annotated[
        int,
        typer.Option(min=0, max=100, help='Of JPEG; 0 writes PNG. Pictures without truth are copied as they are.'),
    ] = SHARDS.quality,
    short_side: Annotated[
        int, typer.Option(min=0, help='Shrink larger pictures without truth to this; 0 shrinks none.')
    ] = SHARDS.short_side,
    workers: Annotated[int, typer.Option(min=1, help='Processes that write.')] = 1,
) -> None:
    """Write a data set as tar files that are read from front to back, or anywhere, and by WebDataset.

    Depth is stored to 0.0142 %; pictures that have depth are JPEGs of the quality given.
    """
    from rich.console import Console
    from rich.progress import Progress

    config = ShardConfig(name, str(path), split, per_shard, quality, short_side)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=None)
        for done, of in write_shards(config, out, workers):
            progress.update(task, completed=done, total=of)
    total = sum(file.stat().st_size for file in out.glob('*.tar'))
    kind = SHARD_SETS[registry.set_info(name).truth]
    typer.echo(f'{out}: {of} tar files, {1e-9 * total:.2f} GB\nRead them as the data set `{kind}`.')


def spread(count: int, limit: int) -> list[int]:
    """Return up to `limit` of the numbers from 0 to count - 1, evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, limit)).round().astype(int)).tolist()


def report_lines(name: str, split: str, truth: str, statistics: SetStatistics) -> list[str]:
    """Write the statistics of a data set, a line each."""
    unit = ' m' if truth == 'metres' else ''
    sizes = ', '.join(f'{size} ({count})' for size, count in statistics.sizes[:4])
    lines = [
        f'{name}, split {split}: {statistics.frames} frames, {statistics.read} read, {len(statistics.broken)} broken',
        f'sizes:     {sizes or "-"}' + (f' and {len(statistics.sizes) - 4} more' if len(statistics.sizes) > 4 else ''),
    ]
    if statistics.without_camera < statistics.read:
        narrow, wide = statistics.hfov_deg
        without = f', {statistics.without_camera} frames without' if statistics.without_camera else ''
        lines.append(f'cameras:   {narrow:.1f} to {wide:.1f} degrees wide{without}')
    else:
        lines.append('cameras:   none known')
    if truth != 'none':
        p1, p50, p99 = statistics.percentiles
        lines += [
            f'known:     {100 * statistics.known:.1f} % of the pixels, {100 * statistics.sky:.1f} % sky among them',
            f'{truth + ":":11}{statistics.low:.3g} to {statistics.high:.3g}{unit}; '
            f'1, 50, 99 per cent: {p1:.3g}, {p50:.3g}, {p99:.3g}{unit}',
        ]
    lines.append(f'reading:   {statistics.per_second:.1f} images/s by one process')
    lines += [f'broken:    {sentence}' for sentence in statistics.broken[:MAX_BROKEN_LISTED]]
    if len(statistics.broken) > MAX_BROKEN_LISTED:
        lines.append(f'           and {len(statistics.broken) - MAX_BROKEN_LISTED} more')
    return lines
