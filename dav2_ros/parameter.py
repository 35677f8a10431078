# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Define parameters as dataclass fields that know their meaning, bounds, choices, and when they may change.

A dataclass of parameters may hold others as groups: `definitions`, `build`, `replaced` and `values_of` see all of them
under their own flat names, as ROS and YAML do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any, TypeVar

ANY_TIME = 'takes effect on the next frame'
UNCONFIGURED = 'can change while the node is unconfigured'
NEVER = 'fixed at start'

Params = TypeVar('Params')


@dataclass(frozen=True)
class ParameterDefinition:
    """Everything about one parameter."""

    name: str
    default: Any
    meaning: str
    changes: str
    bounds: tuple[float, float] | None
    choices: tuple[str, ...]


def parameter(
    default: Any,
    meaning: str,
    *,
    changes: str = UNCONFIGURED,
    bounds: tuple[float, float] | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Make a dataclass field that knows all about a parameter."""
    return field(
        default=default, metadata={'meaning': meaning, 'changes': changes, 'bounds': bounds, 'choices': choices}
    )


def group(kind: Callable[[], Any]) -> Any:
    """Make a dataclass field that holds other parameters: `kind` makes them at their defaults."""
    return field(default_factory=kind)


def definitions(kind: type) -> dict[str, ParameterDefinition]:
    """List all parameters of a dataclass and of its groups, in order, by name."""
    found: dict[str, ParameterDefinition] = {}
    for each in fields(kind):
        if each.default_factory is MISSING:
            found[each.name] = ParameterDefinition(each.name, each.default, **each.metadata)
        else:
            inner = each.default_factory()
            own = values_of(inner)
            found |= {name: replace(one, default=own[name]) for name, one in definitions(type(inner)).items()}
    return found


def values_of(params: Any) -> dict[str, Any]:
    """Return the value of each parameter, those of groups included, by name."""
    found: dict[str, Any] = {}
    for each in fields(params):
        value = getattr(params, each.name)
        found |= {each.name: value} if each.default_factory is MISSING else values_of(value)
    return found


def build(kind: Callable[[], Params], values: Mapping[str, Any]) -> Params:
    """Make parameters of values by name, and defaults for the rest; raises ValueError, one sentence."""
    return replaced(kind(), values)


def replaced(params: Params, values: Mapping[str, Any]) -> Params:
    """Return parameters with other values; names that they do not have are left to others. Raises ValueError."""
    changes: dict[str, Any] = {}
    for each in fields(params):  # type: ignore[arg-type]
        if each.default_factory is not MISSING:
            changes[each.name] = replaced(getattr(params, each.name), values)
        elif each.name in values:
            value = values[each.name]
            changes[each.name] = tuple(value) if isinstance(value, list) else value
    return replace(params, **changes)  # type: ignore[type-var]


def changed(params: Params, values: Mapping[str, Any], *, configured: bool) -> Params:
    """Return the parameters of a running node after a change; names that are not ours are left to others.

    Raises ValueError, one sentence, if a value is bad or must not change while the node is configured.
    """
    before, after = values_of(params), values_of(replaced(params, values))
    for name, one in definitions(type(params)).items():
        if configured and one.changes == UNCONFIGURED and after[name] != before[name]:
            raise ValueError(f'{name} {UNCONFIGURED}: deactivate and clean up the node, then set it.')
    return replaced(params, values)


def check(params: Any) -> None:
    """Raise ValueError, one sentence, if a field of a dataclass of parameters is out of its bounds or choices.

    Groups have checked themselves.
    """
    for each in fields(params):
        if each.default_factory is not MISSING:
            continue
        value, bounds, choices = getattr(params, each.name), each.metadata['bounds'], each.metadata['choices']
        if bounds and not bounds[0] <= value <= bounds[1]:
            raise ValueError(f'{each.name} is {value}: choose a value from {bounds[0]} to {bounds[1]}.')
        if choices and value not in choices:
            raise ValueError(f'{each.name} is {value!r}: choose one of {", ".join(map(repr, choices))}.')


def change_time(when: str) -> str:
    """Say in the middle of a sentence when a parameter may change."""
    return f'is {when}' if when == NEVER else when


def choices_text(choices: tuple[str, ...]) -> str:
    """List choices in words; empty for none."""
    return f'One of {", ".join(map(json.dumps, choices))}' if choices else ''
