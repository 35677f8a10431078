# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read the parameters of a tool from a node's YAML file, NAME:=VALUE settings and options of the command line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from dav2_ros.parameter import build, definitions
from dav2_ros.parameters.scale import SENSORS, ScaleParameters

Params = TypeVar('Params')


class ParameterError(ValueError):
    """Parameters that cannot be read or used; one sentence with the remedy."""


def read_parameters(
    kind: type[Params], file: Path | None, settings: Iterable[str], **options: Any
) -> tuple[Params, list[str]]:
    """Return the parameters of a node's YAML file, changed by NAME:=VALUE settings and then by options.

    The second result names what is in the file and for the node alone. Raises ParameterError.
    """
    import yaml

    known = definitions(kind)
    given = _of_file(file) if file else {}
    for setting in settings:
        name, mark, value = setting.partition(':=')
        if not mark:
            raise ParameterError(f'{setting!r} is no parameter: give NAME:=VALUE, as in cloud_stride:=2.')
        try:
            given[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ParameterError(f'{setting!r} has no value that YAML knows.') from error
        if name.strip() not in known:
            raise ParameterError(f'There is no parameter {name.strip()!r} without a node: see docs/parameters.md.')
    given |= {name: value for name, value in options.items() if value is not None}
    values = {name: _typed(name, value, known[name].default) for name, value in given.items() if name in known}
    try:
        return build(kind, values), sorted(given.keys() - known.keys())
    except (ValueError, TypeError) as error:
        raise ParameterError(str(error)) from error


def refuse_sensors(params: ScaleParameters) -> None:
    """Raise ParameterError where a sensor is to say the scale: beside pictures and videos there is none."""
    if params.scale_source in SENSORS:
        raise ParameterError(
            f'scale_source is {params.scale_source}, and no sensor was recorded beside pictures and videos: set it to '
            'none, fixed or height (-p scale_source:=fixed applies scale_fixed).'
        )


def _typed(name: str, value: Any, default: Any) -> Any:
    """Return a value of the default's type; whole numbers are numbers, and nothing else is anything else."""
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        raise ParameterError(f'{name} is {value!r}: give a {type(default).__name__}, as in {default!r}.')
    return value


def _of_file(file: Path) -> dict[str, Any]:
    """Return the parameters of a ROS parameters file, of whatever node it names."""
    import yaml

    try:
        content = yaml.safe_load(file.read_text())
        return {name: value for node in content.values() for name, value in node['ros__parameters'].items()}
    except OSError as error:
        raise ParameterError(f'{file} cannot be read ({error.strerror}).') from error
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, KeyError, TypeError) as error:
        raise ParameterError(f'{file} is no file of ROS parameters: it needs /**: ros__parameters: {{...}}.') from error
