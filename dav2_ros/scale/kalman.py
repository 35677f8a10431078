# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Filter the scale over time: the scale, never the depth map, so nothing in it can ghost.

The logarithm of the scale walks randomly (a model's error drifts with the place); fits are its noisy observations: a
Kalman filter of one state. A fit that contradicts it by more than three standard deviations is left out, unless
several in a row agree that the world has changed. Without evidence the scale is held, then decays to the one it rests
at (`rest`: 1, or the calibrated one). Until the evidence is good enough, and after a cut, that is the one applied.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from dav2_ros.scale.fit import ScaleFit

HUBER = 1.5  # standard deviations up to which a fit counts in full


@dataclass(frozen=True)
class FilterSettings:
    """How fast the scale may change, and how long it is believed."""

    rest: float = 1.0  # the scale without evidence
    drift: float = 0.01  # relative standard deviation after one second without evidence; grows with the root of time
    floor: float = 0.01  # relative: what a model gets wrong in frame after frame, that no filter can average out
    gate: float = 3.0  # standard deviations
    change_mind: int = 5  # fits in a row beyond the gate that agree with each other
    most_std_dev: float = 0.07  # relative: what is known worse is not applied
    hold_s: float = 2.0  # without evidence the scale stays for so long,
    decay_s: float = 10.0  # then goes to `rest` with this time constant


@dataclass(frozen=True)
class Scale:
    """The scale at one moment."""

    applied: float  # what depth is multiplied by
    value: float  # what evidence says it should be; NaN before there was any
    std_dev: float  # of `value`, in its unit
    inliers: int = 0  # of the last fit
    total: int = 0
    age_s: float = math.inf  # since evidence was last believed
    source: str = ''
    reason: str = ''  # why `applied` is not simply `value`, or why that gets old; empty if all is well

    @property
    def trusted(self) -> bool:
        """Whether recent evidence stands behind what is applied."""
        return not self.reason


class ScaleFilter:
    """Follows the scale; one thread."""

    def __init__(self, settings: FilterSettings, source: str = '') -> None:
        self.settings = settings
        self._source = source
        self.reset()

    def reset(self) -> None:
        """Forget the scale: the scene is another one."""
        self._log = math.nan  # as long as nothing was believed
        self._variance = math.nan
        self._applies = False  # the state was good enough once, and has not decayed
        self._stamp_ns: int | None = None  # of the last update
        self._believed_ns: int | None = None  # of the last fit that was taken
        self._strangers: list[float] = []  # logarithms of the last fits beyond the gate
        self._counts = (0, 0)

    def update(self, stamp_ns: int, fit: ScaleFit | None, missing: str = 'no evidence') -> Scale:
        """Go on to the time of a picture, and take in its fit; without one, `missing` says why."""
        reason = missing
        self._predict(stamp_ns)
        if fit is not None:
            self._counts = fit.inliers, fit.total
            reason = fit.reason or self._take(stamp_ns, fit)
        return self._scale(stamp_ns, reason)

    def _predict(self, stamp_ns: int) -> None:
        passed_s = 1e-9 * (stamp_ns - self._stamp_ns) if self._stamp_ns is not None else 0.0
        self._stamp_ns = stamp_ns
        if math.isnan(self._log) or self._believed_ns is None:
            return
        self._variance += self.settings.drift**2 * passed_s
        late_s = min(1e-9 * (stamp_ns - self._believed_ns) - self.settings.hold_s, passed_s)
        if late_s > 0.0:
            rest = math.log(self.settings.rest)
            self._log = rest + (self._log - rest) * math.exp(-late_s / self.settings.decay_s)

    def _take(self, stamp_ns: int, fit: ScaleFit) -> str:
        """Update the state; return why not, or ''."""
        log, variance = math.log(fit.value), (fit.std_dev / fit.value) ** 2
        if math.isnan(self._log):
            self._start(stamp_ns, log, variance)
            return ''
        innovation, expected = log - self._log, self._variance + variance
        if innovation**2 <= self.settings.gate**2 * expected:
            surprise = innovation**2 / expected  # one in ten is beyond HUBER**2: count it for less
            gain = self._variance / (self._variance + variance * max(surprise / HUBER**2, 1.0) ** 2)
            self._log += gain * innovation
            self._variance *= 1.0 - gain
            self._believed_ns, self._strangers = stamp_ns, []
            return ''
        if not self._applies:  # nothing is applied yet: the newest is as good as what it contradicts
            self._start(stamp_ns, log, variance)
            return ''
        alike = [other for other in self._strangers if (other - log) ** 2 <= self.settings.gate**2 * variance]
        self._strangers = [*alike, log] if len(alike) == len(self._strangers) else [log]
        if len(self._strangers) >= self.settings.change_mind:
            self._start(stamp_ns, sum(self._strangers) / len(self._strangers), variance / len(self._strangers))
            return ''
        return f'a fit of {fit.value:.3f} contradicts {math.exp(self._log):.3f}, known so far'

    def _start(self, stamp_ns: int, log: float, variance: float) -> None:
        self._log, self._variance, self._believed_ns, self._strangers = log, variance, stamp_ns, []

    def _scale(self, stamp_ns: int, reason: str) -> Scale:
        rest, (inliers, total) = self.settings.rest, self._counts
        scale = partial(Scale, source=self._source, inliers=inliers, total=total)
        if math.isnan(self._log) or self._believed_ns is None:
            return scale(rest, math.nan, math.nan, reason=reason or 'no evidence')
        age_s, relative = (
            1e-9 * (stamp_ns - self._believed_ns),
            math.hypot(math.sqrt(self._variance), self.settings.floor),
        )
        value = math.exp(self._log)
        fresh = age_s <= self.settings.hold_s
        if fresh and relative <= self.settings.most_std_dev:
            self._applies = True
        elif fresh and age_s == 0.0:
            self._applies = False  # a new start, not good enough yet
        if not self._applies:
            uncertain = f'known to {100 * relative:.0f} %, and it takes {100 * self.settings.most_std_dev:.0f} %'
            return scale(rest, value, value * relative, age_s=age_s, reason=reason or uncertain)
        held = '' if fresh else f'{reason or "no evidence"} for {age_s:.1f} s'
        return scale(value, value, value * relative, age_s=age_s, reason=held)
