# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run `dav2 bench`: measure every engine of this machine, and what others do."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from dav2_ros.bags import BagError
from dav2_ros.benchmark.cases import EngineChoice, cases_of, random_model
from dav2_ros.benchmark.machine import ISA_VARIABLES, ISAS, fair_environment, machine
from dav2_ros.benchmark.measure import measure
from dav2_ros.benchmark.report import BenchmarkReport, absent, legend, report, table, to_json
from dav2_ros.engines import ENGINES, cache
from dav2_ros.engines.engine import PRECISIONS, EngineError, EngineSpec
from dav2_ros.files.atomic import write_json
from dav2_ros.image.resize import ResizePlan
from dav2_ros.media.images import MediaError
from dav2_ros.models import checkpoints
from dav2_ros.models.registry import BUNDLED
from dav2_ros.network.presets import PATCH, PRESETS

if TYPE_CHECKING:
    from rich.progress import TaskID

T = TypeVar('T')
CALIBRATION = 16  # pictures: `dav2 export` takes more


def bench(
    model: Annotated[str, typer.Option(help='Name of a model (dav2 models list), or a file.')] = BUNDLED,
    random: Annotated[
        str, typer.Option(metavar='PRESET', help=f'Random weights instead, for timing: {", ".join(PRESETS)}.')
    ] = '',
    size: Annotated[list[int] | None, typer.Option(help="Short side of the network's input; the model's own.")] = None,
    frame: Annotated[str, typer.Option(metavar='WxH', help="Size of the camera's pictures.")] = '640x480',
    batch: Annotated[list[int] | None, typer.Option(min=1, help='Frames of one call; 1.')] = None,
    engine: Annotated[list[str] | None, typer.Option(help=f'Only {", ".join(ENGINES)}; all.')] = None,
    precision: Annotated[list[str] | None, typer.Option(help=f'Only {", ".join(PRECISIONS)}; all.')] = None,
    device: Annotated[str, typer.Option(help='auto, cpu, cuda ...')] = 'auto',
    against: Annotated[bool, typer.Option('--against', help='Also the ways people run it today.')] = False,
    rounds: Annotated[int, typer.Option(min=1, help='Turns that each of them gets.')] = 12,
    cold: Annotated[bool, typer.Option('--cold', help='Build every engine anew, and time that too.')] = False,
    isa: Annotated[
        str, typer.Option(metavar='NAME', help=f'Newest instruction set for oneDNN: {", ".join(ISAS)}.')
    ] = '',
    calibrate: Annotated[
        Path | None, typer.Option(metavar='BAG|FOLDER', help='First make the int8 graphs, from these pictures.')
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar='FILE', help='Keep everything as JSON.')] = None,
    png: Annotated[Path | None, typer.Option(metavar='FILE', help='Draw it.')] = None,
) -> None:
    """Measure frames per second, memory, start and error of every engine and precision that is installed.

    A frame is a BGR picture of bytes; what comes out are metres at its resolution. Every engine has a process of its
    own, and they take turns, so that all of them meet the same noise: compare their ratios. Several --size, --batch,
    --engine and --precision can be given. All engines of one size are in memory at once.
    """
    _check('size', size, lambda value: value >= PATCH and value % PATCH == 0, f'multiples of {PATCH}')
    for option, values, known in (
        ('random', [random] if random else [], tuple(PRESETS)),
        ('engine', engine, ENGINES),
        ('precision', precision, PRECISIONS),
        ('isa', [isa] if isa else [], ISAS),
    ):
        _check(option, values, known.__contains__, ', '.join(known))
    wanted = BenchmarkOptions(
        _frame(frame), tuple(size or ()), EngineChoice(engine or (), precision or (), batch or (1,), device, against)
    )
    try:
        model = str(random_model(random)) if random else model
        if calibrate:
            _calibrate(model, wanted, calibrate)
        with _environment(cold or bool(isa), isa):
            found = _measure(model, bool(random), wanted, rounds)
        if json:
            write_json(json, to_json(found))
        if png:
            from dav2_ros.benchmark.chart import draw

            draw(found, png)
    except (BagError, EngineError, MediaError, OSError) as error:
        typer.echo(f'dav2: {error}', err=True)
        raise typer.Exit(1) from error


@dataclass(frozen=True)
class BenchmarkOptions:
    """What is to be measured."""

    frame: tuple[int, int]  # width, height
    sizes: tuple[int, ...]  # empty: the model's own
    choice: EngineChoice


def _calibrate(model: str, wanted: BenchmarkOptions, source: Path) -> None:
    """Make the int8 graphs of every size, into the cache that the user has."""
    from dav2_ros.commands.calibration_pictures import samples
    from dav2_ros.engines.export.quantise import quantise
    from dav2_ros.engines.export.quantise_onnx import quantise_onnx

    checkpoint, pictures = checkpoints.load(model), samples(source, CALIBRATION)
    width, height = wanted.frame
    for size in wanted.sizes or (checkpoint.info.train_size,):
        plan = ResizePlan.lower_bound(height, width, size)
        quantise(checkpoint, plan, pictures)
        for batch in wanted.choice.batches if find_spec('tensorrt') else ():
            quantise_onnx(checkpoint, EngineSpec(plan, batch=batch), pictures)


def _measure(model: str, is_random: bool, wanted: BenchmarkOptions, rounds: int) -> BenchmarkReport:
    """Measure size by size, show each table when it is there, and return everything."""
    from rich.console import Console
    from rich.progress import Progress

    checkpoint, here = checkpoints.load(model), machine()
    console, rows = Console(), []
    names = ('OMP_WAIT_POLICY', 'MALLOC_MMAP_MAX_', 'MALLOC_TOP_PAD_', *ISA_VARIABLES)
    environment = {name: os.environ[name] for name in names if name in os.environ}
    for size in wanted.sizes or (checkpoint.info.train_size,):
        cases = cases_of(model, wanted.frame, size, wanted.choice)
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task('', total=len(cases) + rounds + 1)

            def tell(text: str, progress: Progress = progress, task: TaskID = task) -> None:
                progress.update(task, description=text, advance=1)

            rows += measure(cases, checkpoint, rounds, tell)
        found = report(checkpoint, is_random, wanted.frame, here, environment, rows)
        console.print(table(found, size))
        console.print(legend(found, size), '', sep='\n', highlight=False)
    for sentence in absent(found):
        console.print(sentence, highlight=False)
    return found


def _check(option: str, values: Sequence[T] | None, is_known: Callable[[T], bool], known: str) -> None:
    for value in values or ():
        if not is_known(value):
            raise typer.BadParameter(f'--{option} {value} is not there: choose {known}.')


def _frame(text: str) -> tuple[int, int]:
    match = re.fullmatch(r'(\d+)x(\d+)', text)
    if not match or min(map(int, match.groups())) < PATCH:
        raise typer.BadParameter(f'--frame {text} is no size: choose one like 640x480.')
    return int(match[1]), int(match[2])


@contextlib.contextmanager
def _environment(anew: bool, isa: str) -> Iterator[None]:
    """Lend the measured processes, which inherit it, what is fair, and an empty cache if they shall build anew.

    What a user calibrated is not built anew: int8 graphs come along.
    """
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        if anew:
            for entry, manifest in cache.entries():
                if manifest.get('key', {}).get('what') in (cache.QUANTISED, cache.QUANTISED_ONNX):
                    shutil.copytree(entry, Path(folder) / entry.name)
            os.environ['DAV2_CACHE'] = folder
        os.environ.update(fair_environment(isa))
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)
