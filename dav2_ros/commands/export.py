# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run `dav2 export`: write a graph for other programs, or build the engine of this machine early."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from dav2_ros.bags import BagError
from dav2_ros.commands.verify import frame_shape
from dav2_ros.engines.engine import OUTPUTS, PRECISIONS, EngineError, EngineSpec
from dav2_ros.image.resize import ResizePlan
from dav2_ros.media.images import MediaError
from dav2_ros.models import checkpoints
from dav2_ros.models.checkpoints import Checkpoint
from dav2_ros.models.registry import BUNDLED

TARGETS = ('onnx', 'openvino', 'tensorrt')


def export(
    engine: Annotated[str, typer.Option(help=f'{", ".join(TARGETS)}; onnx writes a file, the others are built.')],
    model: Annotated[str, typer.Option(help='Name of a model (dav2 models list), or a file.')] = BUNDLED,
    precision: Annotated[str, typer.Option(help=f'auto, {", ".join(PRECISIONS)}; onnx: not bf16.')] = 'auto',
    size: Annotated[
        int | None, typer.Option(min=14, help="Short side of the network's input; the model's own.")
    ] = None,
    frame: Annotated[str, typer.Option(help="The camera's pictures, WIDTHxHEIGHT.")] = '640x480',
    output: Annotated[str, typer.Option(help=f'Size of the depth: {", ".join(OUTPUTS)}.')] = 'camera',
    batch: Annotated[int, typer.Option(min=1, help='Most pictures of one call.')] = 1,
    device: Annotated[str, typer.Option(help='auto, cpu, gpu, cuda, cuda:1 ...')] = 'auto',
    int8: Annotated[bool, typer.Option('--int8', help='The same as --precision int8.')] = False,
    calibrate: Annotated[
        Path | None, typer.Option(metavar='BAG|FOLDER', help="A recording, or a folder of pictures: int8's ranges.")
    ] = None,
    pictures: Annotated[int, typer.Option(min=1, help='How many of them are used, evenly spread.')] = 32,
    out: Annotated[
        Path | None, typer.Option(metavar='FILE|FOLDER', help='Where onnx goes, by default to out/export.')
    ] = None,
) -> None:
    """Write the whole way from a picture's bytes to depth as an ONNX file, or build an engine into the cache.

    What is written says what it is in its metadata. What is built is for this machine, and proved on it at once.
    int8 is measured on the pictures of --calibrate, which should look like what the robot will see.
    """
    _check(engine, precision, int8, calibrate, out)
    checkpoint = checkpoints.load(model)
    height, width = frame_shape(frame)
    plan = ResizePlan.lower_bound(height, width, size or checkpoint.info.train_size)
    spec = EngineSpec(plan, device, 'int8' if int8 else precision, output, batch)
    if calibrate:
        _quantise(checkpoint, engine, spec, calibrate, pictures)
    if engine == 'onnx':
        _write(checkpoint, spec, out or Path('out/export'))
        return
    _build(checkpoint, engine, spec)


def _check(engine: str, precision: str, int8: bool, calibrate: Path | None, out: Path | None) -> None:
    """Refuse what contradicts itself, before anything is read."""
    if engine not in TARGETS:
        raise EngineError(f'There is nothing to export for engine {engine!r}: choose {", ".join(TARGETS)}.')
    if int8 and precision not in ('auto', 'int8'):
        raise EngineError(f'Both --int8 and precision {precision} are asked for: choose one.')
    int8 = int8 or precision == 'int8'
    if engine == 'onnx' and precision == 'bf16':
        raise EngineError('An ONNX file is written in fp32, fp16 or int8, not in bf16: choose one, or engine openvino.')
    if calibrate and not int8:
        raise EngineError('What --calibrate names is for int8: add `--int8`.')
    if out and engine != 'onnx':
        raise EngineError(f'What {engine} builds is for this machine and stays in its cache: leave --out {out} out.')


def _write(checkpoint: Checkpoint, spec: EngineSpec, out: Path) -> None:
    from dav2_ros.engines.export.onnx_file import write_onnx

    precision = 'fp32' if spec.precision == 'auto' else spec.precision
    plan = spec.plan
    name = f'{checkpoint.info.name}-{plan.width}x{plan.height}-{spec.output}-{precision}.onnx'
    path = out if out.suffix == '.onnx' and not out.is_dir() else out / name
    try:
        with _at_work(f'exporting {checkpoint.info.name}'):
            write_onnx(checkpoint, spec, precision, path)
    except OSError as error:
        raise EngineError(f'{path} cannot be written ({error.strerror}): choose another --out.') from error
    network = f'{plan.net_width}x{plan.net_height}'
    typer.echo(f'{path}: {plan.width}x{plan.height} pictures, network {network}, {precision}, {_mb(path)} MB')


def _quantise(checkpoint: Checkpoint, engine: str, spec: EngineSpec, source: Path, most: int) -> None:
    from dav2_ros.commands.calibration_pictures import samples
    from dav2_ros.engines.export.quantise import quantise
    from dav2_ros.engines.export.quantise_onnx import quantise_onnx

    if engine == 'tensorrt':  # now, not minutes later
        from dav2_ros.engines.backends.tensorrt_engine import require_tensorrt

        require_tensorrt()
    try:
        with _at_work(f'reading {source}'):
            pictures = samples(source, most)
    except (BagError, MediaError) as error:
        raise EngineError(str(error)) from error
    typer.echo(f'{source}: {len(pictures)} pictures to measure int8 on')
    if engine == 'openvino':
        quantised = quantise(checkpoint, spec.plan, pictures)
        typer.echo(f'{quantised.graph}: {_mb(quantised.graph.with_suffix(".bin"))} MB')
    else:
        quantised = quantise_onnx(checkpoint, spec, pictures)
        typer.echo(f'{quantised.graph}: {_mb(quantised.graph)} MB')


def _build(checkpoint: Checkpoint, engine: str, spec: EngineSpec) -> None:
    from dav2_ros.engines.backends.factory import describe_engine
    from dav2_ros.engines.selection.selection import open_and_prove

    with _at_work(f'building {engine}') as say:
        described = describe_engine(checkpoint, engine, spec, say)
        verdict = open_and_prove(described, checkpoint)
        if verdict.passed:
            described.__exit__(None, None, None)
    if not verdict.passed:
        raise EngineError(verdict.sentence)
    typer.echo(verdict.sentence)


@contextmanager
def _at_work(text: str) -> Iterator[Callable[[str], None]]:
    """Show on stderr what goes on and for how long; yields what changes the text."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn('{task.description}'), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(text)
        yield lambda said: progress.update(task, description=said)


def _mb(path: Path) -> str:
    return f'{path.stat().st_size / 1e6:.1f}'
