# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run `dav2 verify`: prove the engines of this machine; and `dav2 cache list | clear`."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dav2_ros.engines import ENGINES, cache
from dav2_ros.engines.backends.factory import describe_engine
from dav2_ros.engines.engine import OUTPUTS, PRECISIONS, EngineError, EngineSpec
from dav2_ros.engines.selection import verdict
from dav2_ros.engines.selection.candidates import EngineCandidate, list_candidates
from dav2_ros.engines.selection.selection import open_and_prove
from dav2_ros.engines.selection.verdict import AccuracyVerdict
from dav2_ros.files.atomic import write_json
from dav2_ros.image.resize import ResizePlan
from dav2_ros.models import checkpoints
from dav2_ros.models.checkpoints import Checkpoint
from dav2_ros.models.registry import BUNDLED

if TYPE_CHECKING:
    from rich.table import Table

SHAPES = ('frame', 'network')
KILLED_S = 3600.0  # who has been making something for so long was killed
cache_app = typer.Typer(help='What engines were built into, and kept for the next start.', no_args_is_help=True)


def verify(
    model: Annotated[str, typer.Option(help='Name of a model (dav2 models list), or a file.')] = BUNDLED,
    engine: Annotated[str, typer.Option(help=f'What is proved: auto (all), {", ".join(ENGINES)}.')] = 'auto',
    device: Annotated[str, typer.Option(help='auto, cpu, gpu, cuda, cuda:1 ...')] = 'auto',
    precision: Annotated[str, typer.Option(help=f'auto (all), {", ".join(PRECISIONS)}.')] = 'auto',
    size: Annotated[
        int | None, typer.Option(min=14, help="Short side of the network's input; the model's own.")
    ] = None,
    frame: Annotated[str, typer.Option(help="The camera's pictures, WIDTHxHEIGHT.")] = '640x480',
    output: Annotated[str, typer.Option(help=f'Size of the depth: {", ".join(OUTPUTS)}.')] = 'camera',
    json: Annotated[Path | None, typer.Option(metavar='FILE', help='Write the verdicts here, too.')] = None,
) -> None:
    """Compare engines with PyTorch in fp32, at one camera's shape, and say which may be used.

    The exit status is 1 when none of those asked for passes.
    """
    from rich.console import Console

    checkpoint = checkpoints.load(model)
    height, width = frame_shape(frame)
    plan = ResizePlan.lower_bound(height, width, size or checkpoint.info.train_size)
    spec = EngineSpec(plan, device, precision, output)
    found, absent = _prove_all(checkpoint, list_candidates(engine, spec), spec)
    if found:
        Console().print(_table(found, checkpoint, plan))
    for sentence in absent:
        typer.echo(f'dav2: {sentence}', err=True)
    if json:
        facts = {'model': checkpoint.info.name, 'weights': checkpoint.sha256, 'absent': list(absent)}
        json.parent.mkdir(parents=True, exist_ok=True)
        write_json(json, facts | {'verdicts': [each.to_facts() for each in found]})
    if not any(each.passed for each in found):
        raise typer.Exit(1)


def frame_shape(frame: str) -> tuple[int, int]:
    """Return height and width of WIDTHxHEIGHT; raises typer.BadParameter for anything else."""
    match = re.fullmatch(r'([1-9]\d{0,4})x([1-9]\d{0,4})', frame)
    if not match:
        raise typer.BadParameter(f'{frame!r} is no WIDTHxHEIGHT: write it like 640x480.')
    return int(match[2]), int(match[1])


def _prove_all(
    checkpoint: Checkpoint, candidates: list[EngineCandidate], spec: EngineSpec
) -> tuple[list[AccuracyVerdict], dict[str, None]]:
    """Prove every rung from the beginning, whatever is known of it; return verdicts, and why others are absent."""
    from rich.console import Console
    from rich.progress import Progress

    found: list[AccuracyVerdict] = []
    absent: dict[str, None] = {}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task('', total=len(candidates))
        for rung in candidates:
            progress.update(task, description=f'{rung.engine} {rung.precision}')
            say = lambda text: progress.update(task, description=text)  # noqa: E731
            try:
                asked = replace(spec, device=rung.device, precision=rung.precision)
                engine = describe_engine(checkpoint, rung.engine, asked, say)
            except EngineError as error:
                absent[str(error)] = None
            else:
                found.append(open_and_prove(engine, checkpoint))
                if found[-1].passed:
                    engine.__exit__(None, None, None)
            progress.advance(task)
    return found, absent


def _table(found: list[AccuracyVerdict], checkpoint: Checkpoint, plan: ResizePlan) -> Table:
    from rich.table import Table

    names = ', '.join(dict.fromkeys(f'{v.device}: {v.device_name}' for v in found))
    title = f'{checkpoint.info.name}, {plan.width}x{plan.height} pictures, network {plan.net_width}x{plan.net_height}'
    table = Table(
        'engine', 'precision', 'device', 'error p50', 'p99', 'ms a picture', 'verdict', title=title, caption=names
    )
    for each in found:
        numbers = [f'{100 * e:.2g} %' if e is not None else '-' for e in (each.error_p50, each.error_p99)]
        ms = f'{each.median_ms:.1f}' if each.median_ms is not None else '-'
        said = 'proved' if each.passed else f'refused: {each.reason}'
        table.add_row(each.engine, each.precision, each.device, *numbers, ms, said)
    return table


@cache_app.command('list')
def list_cache() -> None:
    """List what is kept: what it is, how large, how old, and what the gate said."""
    rows = [_row(folder, manifest.get('key', {})) for folder, manifest in cache.entries()]
    typer.echo(f'{cache.home()}: {len(rows)} entries, {_mb(_size(cache.home()))} MB')
    rows = [('WHAT', 'MODEL', 'FRAME', 'NETWORK', 'PRECISION', 'MB', 'AGE', 'BY', 'FOR', 'VERDICT'), *rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows if len(rows) > 1 else ():
        typer.echo('  '.join(map(str.ljust, row, widths)).rstrip())


def _row(folder: Path, key: dict) -> tuple[str, ...]:
    """Write one entry; an unreadable one shows its folder's name."""
    found = verdict.read(folder)
    shapes = [f'{width}x{height}' if width else '-' for height, width in (key.get(k, (0, 0)) for k in SHAPES)]
    return (
        ' of '.join(filter(None, (key.get('what'), key.get('engine')))) or f'unreadable: {folder.name}',
        str(key.get('model') or '-'),
        *shapes,
        str(key.get('precision') or '-'),
        _mb(_size(folder)),
        _age(_age_s(folder)),
        str(key.get('runtime') or '-'),
        str(key.get('device') or '-'),
        found.said if found else '',
    )


@cache_app.command('clear')
def clear_cache(
    yes: Annotated[bool, typer.Option('--yes', '-y', help='Do not ask.')] = False,
) -> None:
    """Delete all that is kept; the next start builds and proves anew, and int8 wants its calibration again."""
    folders = [folder for folder, _ in cache.entries()]
    folders += [folder for folder in cache.home().glob('.making-*') if _age_s(folder) > KILLED_S]
    if not folders:
        typer.echo(f'{cache.home()} holds nothing.')
        return
    question = f'Delete {len(folders)} entries, {_mb(_size(cache.home()))} MB, in {cache.home()}?'
    if not yes:
        typer.confirm(question, abort=True)
    freed = sum(map(_size, folders))
    for folder in folders:
        cache.remove(folder)
    typer.echo(f'Deleted {len(folders)} entries, {_mb(freed)} MB.')


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob('*') if path.is_file())


def _mb(size: int) -> str:
    return f'{size / 2**20:.1f}'


def _age_s(folder: Path) -> float:
    return time.time() - folder.stat().st_mtime


def _age(seconds: float) -> str:
    for length, unit in ((86400, 'd'), (3600, 'h'), (60, 'min')):
        if seconds >= length:
            return f'{seconds / length:.0f} {unit}'
    return f'{max(seconds, 0):.0f} s'
