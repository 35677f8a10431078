# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Keep what the accuracy gate found: one entry of the cache per engine, precision, shape, version, device."""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from importlib import import_module, metadata
from pathlib import Path
from typing import TypedDict

from dav2_ros.engines import cache
from dav2_ros.engines.devices import device_name, driver_version
from dav2_ros.engines.engine import Engine
from dav2_ros.engines.export.keys import whole_key
from dav2_ros.files.atomic import write_json
from dav2_ros.models.checkpoints import Checkpoint

FILE = 'verdict.json'
CHECKS = 1  # raise when the checks or the tolerances change: older verdicts are then void


class VerdictSubject(TypedDict):
    """The fields of a verdict that do not depend on what is found."""

    engine: str
    precision: str
    device: str
    device_name: str
    model: str
    frame: tuple[int, int]
    network: tuple[int, int]
    output: str
    batch: int
    versions: dict[str, str]
    time: str


@dataclass(frozen=True)
class AccuracyVerdict:
    """Whether an engine may be used, and the numbers. None is what could not be measured."""

    passed: bool
    reason: str  # what the engine does, without its name: 'differs from fp32 by ...'
    engine: str
    precision: str
    device: str
    device_name: str
    model: str
    frame: tuple[int, int]  # height, width
    network: tuple[int, int]
    output: str
    batch: int
    error_p50: float | None = None  # relative to fp32
    error_p99: float | None = None
    deterministic: bool = False
    finite: bool = False
    monotone: bool = False
    median_ms: float | None = None  # a picture
    best_ms: float | None = None  # the least of them: what a busy machine spoils least, and engines are ranked by
    runs: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    time: str = ''  # ISO 8601, UTC

    @property
    def what(self) -> str:
        """Name the engine in a sentence."""
        return f'{self.engine} {self.precision} on {self.device}'

    @property
    def sentence(self) -> str:
        """Say what was found, for a log."""
        if not self.passed:
            return f'Not proved: {self.what} {self.reason}.'
        return f'Proved: {self.what}, {_number(self.median_ms)} ms a picture, {self.reason}.'

    @property
    def said(self) -> str:
        """Say it in a table."""
        return f'proved, {_number(self.median_ms)} ms, {self.reason}' if self.passed else f'refused: {self.reason}'

    @property
    def was_measured(self) -> bool:
        """Return whether the engine gave depth at all: what raised may do better another time."""
        return self.median_ms is not None

    @property
    def rank_ms(self) -> float:
        """Return `best_ms` as engines are ranked by it: infinite where it was not measured."""
        return math.inf if self.best_ms is None else self.best_ms

    def to_facts(self) -> dict[str, object]:
        """Return what JSON keeps."""
        return asdict(self)

    @classmethod
    def from_facts(cls, facts: dict) -> AccuracyVerdict:
        """Read what `to_facts` wrote; raises TypeError or KeyError for anything else."""
        return cls(**{**facts, 'frame': tuple(facts['frame']), 'network': tuple(facts['network'])})


def facts_of(engine: Engine, checkpoint: Checkpoint) -> VerdictSubject:
    """Return what is judged: engine, device, shapes, versions, and when."""
    plan = engine.spec.plan
    versions = {engine.name: runtime_version(engine.name), 'dav2_ros': _our_version(), 'checks': str(CHECKS)}
    if engine.device.startswith('cuda') and (driver := driver_version()):
        versions['driver'] = driver
    return {
        'engine': engine.name,
        'precision': engine.precision,
        'device': engine.device,
        'device_name': device_name(engine.device),
        'model': checkpoint.info.name,
        'frame': (plan.height, plan.width),
        'network': (plan.net_height, plan.net_width),
        'output': engine.spec.output,
        'batch': engine.spec.batch,
        'versions': versions,
        'time': datetime.now(timezone.utc).isoformat(timespec='seconds'),
    }


def key_of(engine: Engine, checkpoint: Checkpoint) -> cache.CacheKey:
    """Return the key of an engine's verdict: whatever may change its numbers is in it."""
    return replace(
        whole_key(checkpoint, engine.spec, engine.precision),
        what=cache.VERDICT,
        engine=engine.name,
        runtime=f'{engine.name} {runtime_version(engine.name)}, checks {CHECKS}',
        device=device_name(engine.device),
        calibration=engine.calibration,
    )


def keep(verdict: AccuracyVerdict, engine: Engine, checkpoint: Checkpoint) -> None:
    """Keep a verdict for the next start; where there is no room for it, the next start measures again."""
    with contextlib.suppress(OSError):
        folder = cache.obtain(key_of(engine, checkpoint), lambda made: None)
        write_json(folder / FILE, verdict.to_facts())


def recall(engine: Engine, checkpoint: Checkpoint) -> AccuracyVerdict | None:
    """Return what was found earlier; None if nothing was, or if what failed may have been built anew since."""
    folder = cache.find(key_of(engine, checkpoint))
    if folder is None:
        return None
    verdict = read(folder)
    if verdict and not verdict.passed:
        found_at = (folder / FILE).stat().st_mtime
        for other, manifest in cache.entries():
            key = manifest.get('key', {})
            if (
                key.get('what') in cache.BUILT
                and key.get('weights') == checkpoint.sha256
                and other.stat().st_mtime > found_at
            ):
                return None
    return verdict


def forget(engine: Engine, checkpoint: Checkpoint) -> None:
    """Let the next search prove an engine as if it had never been seen."""
    if folder := cache.find(key_of(engine, checkpoint)):
        cache.remove(folder)


def read(folder: Path) -> AccuracyVerdict | None:
    """Return the verdict in a folder of the cache; None if there is none that can be read."""
    try:
        return AccuracyVerdict.from_facts(json.loads((folder / FILE).read_text()))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def runtime_version(engine: str) -> str:
    """Return the version of what runs the engine."""
    return str(getattr(import_module(engine), '__version__', 'unknown'))


def _number(value: float | None) -> str:
    return '?' if value is None else f'{value:.1f}'


def _our_version() -> str:
    try:
        return metadata.version('dav2_ros')
    except metadata.PackageNotFoundError:  # built by colcon
        return 'unknown'
