# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Print the tables of an evaluation, with the protocol that their numbers were made under."""

from __future__ import annotations

from collections.abc import Iterable

from dav2_ros.evaluation.page import ReportTable


def show(title: str, tables: Iterable[ReportTable], protocol: Iterable[str]) -> None:
    """Print tables, then sentences."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as RichTable

    drawings = []
    for table in tables:
        drawn = RichTable(title=table.title, title_justify='left', box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for i, name in enumerate(table.header):
            drawn.add_column(name, justify='right' if i else 'left', no_wrap=True)
        for row in table.rows:
            drawn.add_row(*row)
        drawings.append(drawn)
    terminal = Console()
    needed = [terminal.measure(drawn, options=terminal.options.update(width=10_000)).maximum for drawn in drawings]
    console = Console(width=max(terminal.width, *needed))  # a cut number is none
    console.print(title, style='bold')
    for drawn in drawings:
        console.print(drawn)
    for sentence in protocol:
        console.print(sentence, highlight=False)
