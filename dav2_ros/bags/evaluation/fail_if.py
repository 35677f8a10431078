# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Parse `--fail-if "abs_rel>0.12"`, and tell whether an evaluation breaks it."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass

from dav2_ros.bags import BagError

COMPARE = {'>=': operator.ge, '<=': operator.le, '>': operator.gt, '<': operator.lt}
GRAMMAR = re.compile(r'\s*(?:(\w+)\.)?(\w+)\s*(>=|<=|>|<)\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*')


@dataclass(frozen=True)
class Threshold:
    """[VARIANT.]NUMBER, a comparison, and a limit; the variant is `raw` where it is not said."""

    variant: str
    name: str
    compare: str
    limit: float

    def __str__(self) -> str:
        return f'{self.variant}.{self.name}{self.compare}{self.limit:g}'

    def breach(self, numbers: Mapping[str, Mapping[str, float]]) -> str:
        """Return how numbers, by variant and name, break it; '' if they do not. What is not known breaks it."""
        value = numbers.get(self.variant, {}).get(self.name, math.nan)
        if math.isnan(value):
            return f'{self.variant}.{self.name} is not known'
        broken = COMPARE[self.compare](value, self.limit)
        return f'{self.variant}.{self.name} is {value:.4g}, {self.compare} {self.limit:g}' if broken else ''


def read_threshold(text: str, variants: tuple[str, ...], names: tuple[str, ...]) -> Threshold:
    """Read one; raises BagError that says what can be compared."""
    found = GRAMMAR.fullmatch(text)
    try:
        limit = float(found[4]) if found else math.nan
    except ValueError:
        limit = math.nan
    if not found or math.isnan(limit):
        raise BagError(f'--fail-if {text!r} is no comparison: write it as "abs_rel>0.12" or "median.d1<0.9".')
    variant, name = found[1] or 'raw', found[2]
    if variant not in variants:
        raise BagError(f'--fail-if {text!r}: there is no {variant!r}, choose {", ".join(variants)}.')
    if name not in names:
        raise BagError(f'--fail-if {text!r}: there is no {name!r}, choose {", ".join(names)}.')
    return Threshold(variant, name, found[3], limit)
