# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The learning rate over a run, as a factor on its peak: a pure function of the step, so a resumed run needs no state.

`poly` is the published metric training's, `linear` the first paper's, `onecycle` ZoeDepth's.
"""

from __future__ import annotations

import math

NAMES = ('poly', 'linear', 'onecycle', 'constant')


def factor(name: str, step: int, steps: int, warm_up: int) -> float:
    """Return the factor at `step` of `steps`; `warm_up` steps of linear rise come before any but onecycle."""
    if name == 'onecycle':
        return one_cycle(step, steps)
    power = {'poly': 0.9, 'linear': 1.0, 'constant': 0.0}[name]
    return poly(step, steps, warm_up, power)


def poly(step: int, steps: int, warm_up: int, power: float = 0.9) -> float:
    """Factor on the learning rate: a linear rise, then (1 - step/steps)^power (metric_depth/train.py)."""
    rise = min(1.0, (step + 1) / max(warm_up, 1))
    return rise * (1.0 - min(step, steps) / steps) ** power


def one_cycle(step: int, steps: int, rise_share: float = 0.7, first: float = 1.0, last: float = 1e-4) -> float:
    """Cosine from `first` to 1 over `rise_share` of the run, then to `last` (OneCycleLR with ZoeDepth's numbers)."""
    top, end = rise_share * steps - 1.0, steps - 1.0
    low, high, share = (first, 1.0, step / max(top, 1.0)) if step <= top else (1.0, last, (step - top) / (end - top))
    return high + 0.5 * (low - high) * (1.0 + math.cos(math.pi * min(share, 1.0)))


def warm_cosine(passed: float, warm_up: float) -> float:
    """Return the factor at a share of a run's time: a linear rise over `warm_up`, then a cosine to 0."""
    if passed < warm_up:
        return max(passed / warm_up, 1e-3)
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, (passed - warm_up) / max(1.0 - warm_up, 1e-9))))
