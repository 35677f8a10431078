# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Write the part of docs/datasets.md that follows from the loaders: python -m dav2_training.data.catalogue."""

from __future__ import annotations

import inspect
from pathlib import Path

from dav2_ros.files.atomic import write_whole
from dav2_training.data import registry

DOCUMENT = Path(__file__).parents[2] / 'docs' / 'datasets.md'
MARK = '<!-- what follows is made from the loaders: python -m dav2_training.data.catalogue -->\n'


def markdown() -> str:
    """Write a table of all data sets, and what is to be known of each."""
    names = sorted(registry.LOADERS)
    lines = ['| name | truth | splits | licence |', '|-|-|-|-|']
    for name in names:
        about = registry.set_info(name)
        lines.append(f'| [`{name}`](#{name}) | {about.truth} | {", ".join(about.splits)} | {about.licence} |')
    for name in names:
        about = registry.set_info(name)
        lists = ' A split may also be a file of lines `picture depth`.' if about.lists and about.truth != 'none' else ''
        lines += [
            f'\n## {name}\n',
            f'**{about.title}**, {about.source}\n',
            (inspect.getdoc(registry.loader(name)) or '') + lists + '\n',
            f'```\n{about.tree}\n```',
        ]
    return '\n'.join(lines) + '\n'


if __name__ == '__main__':
    head = DOCUMENT.read_text().split(MARK)[0]
    write_whole(DOCUMENT, head + MARK + markdown())
