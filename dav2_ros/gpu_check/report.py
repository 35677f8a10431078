# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Write the tables of a check: what was aimed at and reached, every engine, every way, every stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TARGET_MS, TARGET_TIMES, TARGET_SHARE, TARGET_OUTSIDE_MS, TARGET_CAMERAS = 3.0, 4.0, 0.45, 0.3, 2.5


@dataclass(frozen=True)
class CheckTable:
    """A title, column names and rows of text."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def tables(document: dict) -> list[CheckTable]:
    """Return every table that the results fill, the targets first."""
    made = [_targets(document), _card(document), _engines(document), _ways(document), _stages(document)]
    return [table for table in [*made, _serving(document), _parts(document)] if table.rows]


def print_report(document: dict) -> None:
    """Print the tables, the targets last: there a terminal stands."""
    try:
        from rich.console import Console
        from rich.table import Table as RichTable
    except ImportError:
        print(markdown(document))
        return

    console = Console(width=150, highlight=False, markup=False)
    for table in reversed(tables(document)):
        rich = RichTable(*table.columns, title=table.title, title_justify='left')
        for row in table.rows:
            rich.add_row(*row)
        console.print(rich)


def markdown(document: dict) -> str:
    """Return the tables as Markdown."""
    text = ['# GPU check', '']
    for table in tables(document):
        text += [f'## {table.title}', '', _line(table.columns), _line(['---'] * len(table.columns))]
        text += [_line(row) for row in table.rows]
        text.append('')
    return '\n'.join(text)


def _line(cells: Sequence[str]) -> str:
    return '| ' + ' | '.join(' '.join(cell.replace('|', '/').split()) for cell in cells) + ' |'


def _part(document: dict, name: str) -> dict:
    return document['parts'].get(name, {})


def _of(document: dict, *path: str) -> float | None:
    """Return a number deep in the results; None where it was not measured."""
    found = document['parts']
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, (int, float)) else None


def _targets(document: dict) -> CheckTable:
    settings = document['settings']
    chief, half, size = settings['chief'], settings['precisions'][0], settings['sizes'][-1]
    ways = f'ways {chief} {size}'
    ours = _of(document, ways, 'ways', f'engine {half}', 'p50_ms')
    eager = _of(document, ways, 'ways', 'published, fp32', 'p50_ms')
    stages, largest = f'stages {chief} {size} {half}', f'stages {settings["largest"]} {size} {half}'
    rows = [
        _target(f'{chief} at {size} in {half}, bytes in to metres out, p50', ours, TARGET_MS, 'ms', at_most=True),
        _target('times the published code, eager, fp32', eager / ours if ours and eager else None, TARGET_TIMES, 'x'),
        _target(
            f'{settings["largest"]} at {size}, share of the matrix product',
            _of(document, largest, 'share_of_product'), TARGET_SHARE, '',
        ),
        _target(f'{chief} at {size}, all but the network', _of(document, stages, 'outside_ms'), TARGET_OUTSIDE_MS, 'ms',
                at_most=True),
        _target('cameras through one engine, times as many processes', _of(document, 'cameras, processes',
                'one_engine_gains'), TARGET_CAMERAS, 'x'),
    ]  # fmt: skip
    return CheckTable('Targets', ('what', 'target', 'measured', 'reached'), rows)


def _target(what: str, value: float | None, target: float, unit: str, at_most: bool = False) -> tuple[str, ...]:
    sign = '<=' if at_most else '>='
    reached = 'not run' if value is None else 'pass' if (value <= target) == at_most or value == target else 'miss'
    return what, f'{sign} {target:g} {unit}'.strip(), '' if value is None else f'{value:.3g} {unit}'.strip(), reached


def _card(document: dict) -> CheckTable:
    card, rows = _part(document, 'card'), []
    for name in ('card', 'compute_capability', 'memory_gb', 'nvidia_smi', 'cuda', 'cudnn', 'torch', 'python'):
        if card.get(name):
            rows.append((name, str(card[name])))
    for precision, rate in _part(document, 'matrix products').get('flops_s', {}).items():
        rows.append((f'matrix product {precision}', f'{1e-12 * rate:.1f} TFLOP/s'))
    for name, what in (('bytes_s', 'copy on the device'), ('upload_bytes_s', 'up'), ('download_bytes_s', 'down')):
        if rate := _part(document, 'copies').get(name):
            rows.append((what, f'{1e-9 * rate:.1f} GB/s'))
    for name, rate in _part(document, 'attention').items():
        if isinstance(rate, dict):
            rows.append((f'attention {name}', f'{rate["ms"]:.3f} ms, {1e-12 * rate["flops_s"]:.1f} TFLOP/s'))
    return CheckTable('Card', ('what', 'found'), rows)


def _engines(document: dict) -> CheckTable:
    rows = []
    for name, part in document['parts'].items():
        if name.startswith('engine '):
            gate = {True: 'proved', False: 'refused'}.get(part.get('passed'), part['state'])
            rows.append((
                name.removeprefix('engine '), gate, _number(part, 'p50_ms'), _number(part, 'p95_ms'),
                _percent(part.get('error_p50')), _percent(part.get('error_p99')), _number(part, 'peak_mb', '.0f'),
                _number(part, 'open_s', '.1f'), _why_not(part),
            ))  # fmt: skip
    columns = ('engine', 'gate', 'p50 ms', 'p95 ms', 'error p50', 'p99', 'peak MB', 'opened s', 'why not')
    return CheckTable('Engines, whole calls', columns, rows)


def _ways(document: dict) -> CheckTable:
    rows = []
    for part_name, part in document['parts'].items():
        eager = part.get('ways', {}).get('published, fp32', {}).get('p50_ms')
        for name, times in part.get('ways', {}).items():
            gain = f'{eager / times["p50_ms"]:.1f}x' if eager else ''
            rows.append((part_name, name, _number(times, 'p50_ms'), _number(times, 'p95_ms'), gain))
    return CheckTable('In turns', ('what', 'way', 'p50 ms', 'p95 ms', 'times faster'), rows)


def _stages(document: dict) -> CheckTable:
    rows = []
    for name, part in document['parts'].items():
        if 'stages_ms' in part:
            stages = ', '.join(f'{stage} {ms:.3f}' for stage, ms in part['stages_ms'].items())
            rows.append((
                name.removeprefix('stages '), stages, _number(part, 'host_copy_ms'), _number(part, 'outside_ms'),
                _number(part, 'least_ms'), f'{1e-12 * part["flops_s"]:.1f}', _percent(part.get('share_of_product')),
                _percent(part.get('share_of_bandwidth')),
            ))  # fmt: skip
    columns = ('what', 'stages, ms', 'host copy ms', 'all but the network ms', 'roofline ms', 'TFLOP/s',
               'of the product', 'of bandwidth')  # fmt: skip
    return CheckTable('Stages', columns, rows)


def _serving(document: dict) -> CheckTable:
    rows: list[tuple[str, str, str]] = []
    verdicts: dict[object, str] = {True: 'pass', False: 'FAIL'}
    hidden = {'state', 'took_s', 'traceback', 'passed', 'reason'}
    for name in ('determinism', 'threads', 'swap', 'no memory', 'cameras, one engine', 'cameras, processes',
                 'torch.compile', 'device memory'):  # fmt: skip
        part = _part(document, name)
        if part:
            verdict = verdicts.get(part.get('passed'), part['state'])
            facts = '; '.join(f'{key} {value}' for key, value in part.items() if key not in hidden)
            rows.append((name, verdict, part.get('reason') or facts))
    return CheckTable('Serving', ('what', 'result', 'found'), rows)


def _parts(document: dict) -> CheckTable:
    """List what was not done, and why."""
    rows = [(n, p['state'], str(p.get('reason', ''))) for n, p in document['parts'].items() if p['state'] != 'done']
    return CheckTable('Not run, refused or failed', ('part', 'state', 'why'), rows)


def _why_not(part: dict) -> str:
    return '' if part.get('passed') else str(part.get('gate') or part.get('reason', ''))


def _number(part: dict, name: str, form: str = '.3f') -> str:
    value = part.get(name)
    return '' if value is None else format(value, form)


def _percent(share: float | None) -> str:
    return '' if share is None else f'{100 * share:.3g} %'
