# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dav2-train data list | show NAME | check NAME PATH`."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from dav2_ros.commands.bag_extract import extract
from dav2_training.data import registry
from dav2_training.data.check import Scan, scan
from dav2_training.data.shard_cli import shard

data_app = typer.Typer(help='Which data sets there are, what they look like on disk, and whether yours is one.')
data_app.command()(shard)
data_app.command()(extract)
Name = Annotated[str, typer.Argument(help='A name that `dav2-train data list` prints.')]
SHOWN = 8  # samples on a sheet
TOLD = 5  # broken files


@data_app.command('list')
def list_sets() -> None:
    """List the data sets that can be read."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ('name', 'truth', 'splits', 'licence', 'source'):
        table.add_column(heading, no_wrap=heading in ('name', 'truth'), overflow='fold')
    for name in sorted(registry.LOADERS):
        about = registry.about(name)
        table.add_row(name, about.truth, ', '.join(about.splits), about.licence, about.source)
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(table)


@data_app.command()
def show(name: Name) -> None:
    """Print what is known about one data set, and the tree that is expected of it."""
    about = registry.about(name)
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

    opened = registry.open_set(name, path, split)
    numbers = spread(len(opened), frames or len(opened))
    keep = dict.fromkeys(spread_of(numbers, SHOWN))
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=len(numbers))
        found = scan(opened, numbers, keep, lambda: progress.advance(task))
    for line in told(name, split or registry.about(name).splits[0], registry.about(name).truth, found):
        typer.echo(line)
    kept = [sample for sample in keep.values() if sample is not None]
    if kept:
        sheet = sheet or Path('out/data') / f'{name}_{Path(split or registry.about(name).splits[0]).stem}.png'
        draw(kept, found, sheet)
        typer.echo(f'sheet:     {sheet}')
    if found.broken:
        raise typer.Exit(1)


def spread(count: int, most: int) -> list[int]:
    """Return up to `most` of the numbers from 0 to count - 1, evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist()


def spread_of(numbers: list[int], most: int) -> list[int]:
    """Return up to `most` of the numbers, evenly spread."""
    return [numbers[i] for i in spread(len(numbers), most)]


def told(name: str, split: str, truth: str, found: Scan) -> list[str]:
    """Write what was found, a line each."""
    unit = ' m' if truth == 'metres' else ''
    sizes = ', '.join(f'{size} ({count})' for size, count in found.sizes[:4])
    lines = [
        f'{name}, split {split}: {found.frames} frames, {found.read} read, {len(found.broken)} broken',
        f'sizes:     {sizes or "-"}' + (f' and {len(found.sizes) - 4} more' if len(found.sizes) > 4 else ''),
    ]
    if found.without_camera < found.read:
        narrow, wide = found.hfov_deg
        without = f', {found.without_camera} frames without' if found.without_camera else ''
        lines.append(f'cameras:   {narrow:.1f} to {wide:.1f} degrees wide{without}')
    else:
        lines.append('cameras:   none known')
    if truth != 'none':
        p1, p50, p99 = found.percentiles
        lines += [
            f'known:     {100 * found.known:.1f} % of the pixels, {100 * found.sky:.1f} % sky among them',
            f'{truth + ":":11}{found.low:.3g} to {found.high:.3g}{unit}; '
            f'1, 50, 99 per cent: {p1:.3g}, {p50:.3g}, {p99:.3g}{unit}',
        ]
    lines.append(f'reading:   {found.per_second:.1f} images/s by one process')
    lines += [f'broken:    {sentence}' for sentence in found.broken[:TOLD]]
    if len(found.broken) > TOLD:
        lines.append(f'           and {len(found.broken) - TOLD} more')
    return lines


def draw(samples: list, found: Scan, sheet: Path) -> None:
    """Write the sheet:     beside, then renamed."""
    from dav2_training.data.contact_sheet import set_sheet

    low, _, high = found.percentiles
    low, high = (low, max(high, 1.01 * low)) if low > 0 else (0.5, 80.0)
    sheet.parent.mkdir(parents=True, exist_ok=True)
    beside = sheet.with_name(f'.{sheet.stem}.png')
    cv2.imwrite(str(beside), cv2.cvtColor(set_sheet(samples, low, high), cv2.COLOR_RGB2BGR))
    beside.replace(sheet)
