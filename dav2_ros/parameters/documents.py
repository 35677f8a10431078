# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Write config/*.yaml and docs/parameters.md from the definitions of the parameters.

`python -m dav2_ros.parameters.documents` writes the files again.
"""

from __future__ import annotations

import json
from pathlib import Path

from dav2_ros.parameter import ANY_TIME, NEVER, change_time, choices_text, definitions
from dav2_ros.parameters.cameras import OWN
from dav2_ros.parameters.cloud import CloudNodeParameters
from dav2_ros.parameters.node import DepthNodeParameters


def to_yaml(kind: type = DepthNodeParameters, what: str = 'depth') -> str:
    """Return config/depth.yaml, or that of another node: every parameter at its default, with its meaning."""
    lines = [
        '# SPDX-FileCopyrightText: 2026 The dav2_ros authors',
        '# SPDX-License-Identifier: Apache-2.0',
        f'# Every parameter of the {what} node at its default. Derived from the code: write it again with',
        '# `python -m dav2_ros.parameters.documents`, or copy it and keep the lines that you change.',
        '/**:',
        '  ros__parameters:',
    ]
    for name, one in definitions(kind).items():
        notes = [one.meaning]
        notes += ['From {} to {}.'.format(*one.bounds)] if one.bounds else []
        notes += [f'{choices_text(one.choices)}.'] if one.choices else []
        notes += [f'It {change_time(one.changes)}.']
        lines += [f'    # {" ".join(notes)}', f'    {name}: {json.dumps(one.default)}']
    return '\n'.join(lines) + '\n'


PAGE = """# Parameters

<!-- made from the code: python -m dav2_ros.parameters.documents -->

Those marked with * can change at any time and take effect on the next frame. Those marked with † are fixed at start.
The others can change while the node is unconfigured. Each is also an argument of `depth.launch.py`. What the command
line says wins over `params_file`, which wins over `config/depth.yaml`, where all of them stand at their defaults. A
value out of bounds is refused with a sentence, at start and later. Where the default has a decimal point, an integer is
taken too.

## The depth node

"""


OF_CAMERAS = """
With [many cameras](cameras.md) these may differ from camera to camera, with the camera's name before them, as
`front.turn_upright`: {}. They are then fixed while the node is configured.

## The cloud node

`dav2_ros.nodes.cloud_node`, its defaults in `config/cloud.yaml`:

"""


def to_markdown() -> str:
    """Return docs/parameters.md: every parameter of both nodes with default, bounds or choices, and meaning."""
    own = ', '.join(f'`{name}`' for name in OWN)
    return PAGE + _table(DepthNodeParameters) + OF_CAMERAS.format(own) + _table(CloudNodeParameters)


def _table(kind: type) -> str:
    rows = ['| parameter | default | may be | |', '|---|---|---|---|']
    for name, one in definitions(kind).items():
        mark = {ANY_TIME: '*', NEVER: '†'}.get(one.changes, '')
        may_be = ', '.join(f'`{choice}`' if choice else 'empty' for choice in one.choices)
        may_be = '{} to {}'.format(*one.bounds) if one.bounds else may_be
        rows.append(f'| `{name}`{mark} | `{json.dumps(one.default)}` | {may_be} | {one.meaning} |')
    return '\n'.join(rows) + '\n'


if __name__ == '__main__':
    root = Path(__file__).parents[2]
    (root / 'config/depth.yaml').write_text(to_yaml())
    (root / 'config/cloud.yaml').write_text(to_yaml(CloudNodeParameters, 'cloud'))
    (root / 'docs/parameters.md').write_text(to_markdown())
