# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What can be asked of `dav2 bag run` and `dav2 bag evaluate`: the node's parameters, by the node's names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from dav2_ros.bags import BagError
from dav2_ros.parameters.bag import BagParameters


def read_parameters(file: Path | None, settings: Iterable[str], **options: Any) -> tuple[BagParameters, list[str]]:
    """Return the parameters of a node's YAML file, changed by NAME:=VALUE settings and then by options.

    The second result names what is for the node alone. Raises BagError, one sentence.
    """
    import yaml

    given = _of_file(file) if file else {}
    for setting in settings:
        name, mark, value = setting.partition(':=')
        if not mark:
            raise BagError(f'{setting!r} is no parameter: give NAME:=VALUE, as in cloud_stride:=2.')
        try:
            given[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise BagError(f'{setting!r} has no value that YAML knows.') from error
        if name.strip() not in {each.name for each in fields(BagParameters)}:
            raise BagError(f'There is no parameter {name.strip()!r} for recordings: see docs/bags.md.')
    given |= {name: value for name, value in options.items() if value is not None}
    known = {each.name: each for each in fields(BagParameters)}
    values = {name: _typed(name, value, known[name].default) for name, value in given.items() if name in known}
    try:
        return BagParameters(**values), sorted(given.keys() - known.keys())
    except (ValueError, TypeError) as error:
        raise BagError(str(error)) from error


def _typed(name: str, value: Any, default: Any) -> Any:
    """Return a value of the default's type; whole numbers are numbers, and nothing else is anything else."""
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        raise BagError(f'{name} is {value!r}: give a {type(default).__name__}, as in {default!r}.')
    return value


def _of_file(file: Path) -> dict[str, Any]:
    """Return the parameters of a ROS parameters file, of whatever node it names."""
    import yaml

    try:
        content = yaml.safe_load(file.read_text())
        return {name: value for node in content.values() for name, value in node['ros__parameters'].items()}
    except OSError as error:
        raise BagError(f'{file} cannot be read ({error.strerror}).') from error
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, KeyError, TypeError) as error:
        raise BagError(f'{file} is no file of ROS parameters: it needs /**: ros__parameters: {{...}}.') from error
