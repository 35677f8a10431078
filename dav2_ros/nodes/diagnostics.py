# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Report how the node is: counters that its threads write, and the DiagnosticStatus made of them (REP 107)."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rclpy.impl.rcutils_logger import RcutilsLogger

STALE_S = 2.0  # no image for so long is worth a word: slower cameras are rare
WINDOW = 100  # frames that rates and percentiles look back on


class ThrottledLog:
    """Says a sentence at most once in 5 s, and at most 8 in all: a camera has 30 chances per second."""

    def __init__(self, logger: RcutilsLogger) -> None:
        self._logger = logger
        self._said_s: dict[str, float] = {}

    def error(self, sentence: str) -> None:
        """Log an error, or keep quiet."""
        now_s = time.monotonic()
        self._said_s = {text: then_s for text, then_s in self._said_s.items() if now_s - then_s < 5.0}
        if sentence not in self._said_s and len(self._said_s) < 8:
            self._said_s[sentence] = now_s
            self._logger.error(sentence)


class Health:
    """What happened since activation: received = processed + dropped + failed + the frames in hand.

    Failures and warnings go to the log too, sparingly. `what` is made of an image, most of the time by `stage`.
    """

    def __init__(self, logger: RcutilsLogger, what: str = 'depth', stage: str = 'engine') -> None:
        self._what, self._stage = what, stage
        self._lock = threading.Lock()
        self._log = ThrottledLog(logger)
        self.reset()

    def reset(self) -> None:
        """Start counting again."""
        with self._lock:
            self.counts: Counter[str] = Counter()
            self.error = ''  # why the last frame, or the last transition, failed; '' once one succeeds
            self.last_error = ''
            self._warnings: dict[str, str] = {}
            self._arrivals_s: deque[float] = deque(maxlen=WINDOW)
            self._done_s: deque[float] = deque(maxlen=WINDOW)
            self._latencies_ms: deque[float] = deque(maxlen=WINDOW)
            self._stage_ms: deque[float] = deque(maxlen=WINDOW)
            self._since_s = time.monotonic()

    def listening(self) -> None:
        """Note that images are expected from now on."""
        self._since_s = time.monotonic()

    def received(self) -> None:
        """Count an image that arrived."""
        with self._lock:
            self.counts['received'] += 1
            self._arrivals_s.append(time.monotonic())

    def dropped(self, why: str = '') -> None:
        """Count an image that was passed over; `why` names the kind if it was not for a newer one."""
        with self._lock:
            self.counts['dropped'] += 1
            if why:
                self.counts[f'dropped: {why}'] += 1

    def lost(self, count: int) -> tuple[int, int]:
        """Count images that never arrived; return how many were lost and how many received."""
        with self._lock:
            self.counts['lost'] += count
            return self.counts['lost'], self.counts['received']

    def processed(self, latency_ms: float, stage_ms: float) -> None:
        """Count an image that something was made of."""
        with self._lock:
            self.counts['processed'] += 1
            self.error = ''
            self._done_s.append(time.monotonic())
            self._latencies_ms.append(latency_ms)
            self._stage_ms.append(stage_ms)

    def failed(self, sentence: str) -> None:
        """Count an image that was refused or lost to an error."""
        with self._lock:
            self.counts['failed'] += 1
            self.error = self.last_error = sentence
            self._log.error(f'No {self._what}: {sentence}')

    def broken(self, sentence: str) -> None:
        """Note that something other than a frame failed."""
        with self._lock:
            self.error = self.last_error = sentence
            self._log.error(sentence)

    def warn(self, cause: str, sentence: str) -> None:
        """Keep one warning per cause; '' ends it."""
        with self._lock:
            if sentence:
                self._warnings[cause] = sentence
                self._log.error(sentence)
            else:
                self._warnings.pop(cause, None)

    def status(
        self, name: str, state: str, listening: bool, facts: Mapping[str, str], warnings: Mapping[str, str]
    ) -> DiagnosticStatus:
        """Make the DiagnosticStatus of this moment; `facts` are added to the numbers, `warnings` to those known."""
        with self._lock:
            now_s = time.monotonic()
            warnings = {**self._warnings, **warnings}
            level, message = self._level(state, listening, now_s, warnings)
            values = {
                'state': state,
                **{
                    f'frames {kind}': self.counts[kind]
                    for kind in ('lost', 'received', 'processed', 'dropped', 'failed')
                },
                **{f'frames {kind}': n for kind, n in sorted(self.counts.items()) if ':' in kind},
                'input rate (Hz)': _number(_rate_hz(self._arrivals_s, now_s)),
                'output rate (Hz)': _number(_rate_hz(self._done_s, now_s)),
                'latency p50 (ms)': _number(_percentile(self._latencies_ms, 50)),
                'latency p95 (ms)': _number(_percentile(self._latencies_ms, 95)),
                f'{self._stage} p50 (ms)': _number(_percentile(self._stage_ms, 50)),
                f'{self._stage} p95 (ms)': _number(_percentile(self._stage_ms, 95)),
                **facts,
                **warnings,
                'last error': self.last_error,
            }
        status = DiagnosticStatus(level=level, name=name, message=message, hardware_id=facts.get('device', ''))
        status.values = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
        return status

    def _level(self, state: str, listening: bool, now_s: float, warnings: Mapping[str, str]) -> tuple[bytes, str]:
        silent_s = now_s - max([self._since_s, *self._arrivals_s])
        if self.error:
            return DiagnosticStatus.ERROR, self.error
        if state != 'active':
            return DiagnosticStatus.OK, state
        silence = f'no image for {silent_s:.0f} s' if listening and silent_s > STALE_S else ''
        if warnings:
            return DiagnosticStatus.WARN, ' '.join([*warnings.values(), silence]).strip()
        if not listening:
            return DiagnosticStatus.OK, 'idle: no output has a subscriber'
        if silence:
            return DiagnosticStatus.STALE, silence
        return DiagnosticStatus.OK, f'{self._what} at {_rate_hz(self._done_s, now_s):.1f} Hz'


def _rate_hz(times_s: deque[float], now_s: float) -> float:
    recent = [t for t in times_s if now_s - t < 5.0]
    return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 else 0.0


def _percentile(values: deque[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)] if ordered else math.nan


def _number(value: float) -> str:
    return '' if math.isnan(value) else f'{value:.2f}'
