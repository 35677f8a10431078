# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which engine: the fastest of those installed that the gate proves on this machine, at this shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

from dav2_ros.engines import gate, verdict
from dav2_ros.engines.build import describe_engine
from dav2_ros.engines.devices import cpu_has_bf16, cuda_is_here
from dav2_ros.engines.engine import Engine, EngineError, EngineSpec
from dav2_ros.engines.verdict import Verdict
from dav2_ros.models.checkpoints import Checkpoint

Say = Callable[[str], None]

# Expected fastest first; measured when they are proved. On a CPU int8 is there once somebody has calibrated it.
LADDER: dict[str, tuple[tuple[str, str], ...]] = {
    'cuda': (
        ('tensorrt', 'fp16'),
        ('torch', 'fp16'),
        ('onnxruntime', 'fp16'),
        ('tensorrt', 'fp32'),
        ('torch', 'fp32'),
        ('onnxruntime', 'fp32'),
    ),
    'gpu': (('openvino', 'int8'), ('openvino', 'fp16'), ('openvino', 'fp32')),
    'cpu': (
        ('openvino', 'int8'),
        ('openvino', 'bf16'),
        ('openvino', 'fp32'),
        ('torch', 'bf16'),
        ('onnxruntime', 'fp32'),
        ('torch', 'fp32'),
    ),
}


@dataclass(frozen=True)
class Rung:
    """One way to run the network."""

    engine: str
    precision: str
    device: str = 'auto'


@dataclass(frozen=True)
class Proved:
    """An engine that is entered and has passed the gate in this process; leaving it is its owner's."""

    engine: Engine
    verdict: Verdict
    why: str  # one sentence for log and diagnostics


def rungs(name: str, spec: EngineSpec) -> list[Rung]:
    """Return what could run `spec` here, expected fastest first; name, precision and device may be auto.

    A name that no device of ours has comes back as it is: describing it says what is wrong.
    """
    found = []
    for device in _devices(name, spec.device):
        ladder = LADDER[device.partition(':')[0]]
        if spec.precision != 'auto':
            ladder = tuple((engine, spec.precision) for engine in dict(ladder))
        elif device == 'cpu' and not cpu_has_bf16():
            ladder = tuple(rung for rung in ladder if rung[1] != 'bf16')
        found += [Rung(*rung, device) for rung in ladder if rung[0] == name or (name == 'auto' and _installed(rung[0]))]
    return found or [Rung(name, spec.precision, spec.device)]


def _devices(name: str, asked: str) -> list[str]:
    """Return the devices to try, best first; none for one that we do not know."""
    if asked == 'auto':
        return ['cuda', 'cpu'] if cuda_is_here() or name == 'tensorrt' else ['cpu']
    return [asked] if asked.partition(':')[0] in LADDER else []


def _installed(engine: str) -> bool:
    return find_spec(engine) is not None


def open_proved(checkpoint: Checkpoint, name: str, spec: EngineSpec, say: Say = lambda text: None) -> Proved:
    """Return the fastest engine that passes the gate, entered; every one that is not known yet is built and proved.

    What earlier starts found is believed as far as speed and failure go; what is used is proved now. A GPU comes before
    the CPU. Raises EngineError that says of each rung why not.
    """
    candidates = rungs(name, spec)
    search = _Search(checkpoint, spec, say, alone=len(candidates) == 1)
    for device in dict.fromkeys(rung.device for rung in candidates):
        if proved := search.fastest([rung for rung in candidates if rung.device == device]):
            return proved
    raise EngineError(search.refusal(name))


def open_at_once(checkpoint: Checkpoint, name: str, spec: EngineSpec) -> Proved:
    """Return the engine that earlier starts found fastest, else PyTorch in fp32: proved, and open within seconds."""
    candidates = rungs(name, spec)
    search = _Search(checkpoint, spec, lambda text: None, alone=False)
    for device in dict.fromkeys(rung.device for rung in candidates):
        if proved := search.known([rung for rung in candidates if rung.device == device]):
            return proved
    return open_proved(checkpoint, 'torch', replace(spec, precision='fp32'))


class _Search:
    """The way down the ladder: what passed, what did not and why."""

    def __init__(self, checkpoint: Checkpoint, spec: EngineSpec, say: Say, *, alone: bool) -> None:
        self._checkpoint, self._spec, self._say, self._alone = checkpoint, spec, say, alone
        self._absent: dict[str, None] = {}  # sentences of engines that cannot be described, in order
        self._failed: dict[str, Verdict] = {}
        self._passed: dict[str, Verdict] = {}

    def known(self, candidates: Sequence[Rung]) -> Proved | None:
        """Return the fastest of those that passed in an earlier start, if it passes again."""
        earlier = [(v, engine) for engine, v in self._recalled(candidates) if v and v.passed]
        return self._first_of(earlier)

    def fastest(self, candidates: Sequence[Rung]) -> Proved | None:
        """Return the fastest of all that pass."""
        earlier: list[tuple[Verdict, Engine]] = []
        spared: list[Engine] = []
        best: tuple[Verdict, Engine] | None = None
        for engine, found in self._recalled(candidates):
            if found and found.passed:
                earlier.append((found, engine))
            elif found and not self._alone:
                self._failed[found.what] = found
            elif engine.precision == 'fp32' and engine.name in {v.engine for v in self._passed.values()}:
                spared.append(engine)  # it runs in less already
            else:
                best = self._better(best, engine)
        faster = [pair for pair in earlier if not best or pair[0].best_ms < best[0].best_ms]
        if known := self._first_of(faster):
            if best:
                best[1].__exit__(None, None, None)
            return known
        for engine in spared if not best else ():
            best = self._better(best, engine)
        return self._proved(*best) if best else None

    def refusal(self, name: str) -> str:
        """Say why there is none: one sentence of each that was tried."""
        if not self._failed:
            return ' '.join(self._absent)
        reasons = '; '.join(f'{v.what} {v.reason}' for v in self._failed.values())
        plan = self._spec.plan
        remedy = 'Choose another size or model, or build them anew (`dav2 cache clear`).'
        if self._alone:
            remedy = 'Choose another precision or engine, or auto.'
        return f'No engine is proved for {plan.width}x{plan.height} pictures here: {reasons}. {remedy}'

    def _recalled(self, candidates: Sequence[Rung]) -> list[tuple[Engine, Verdict | None]]:
        """Describe every rung that can be, with what is known of it."""
        found = []
        for rung in candidates:
            spec = replace(self._spec, device=rung.device, precision=rung.precision)
            try:
                engine = describe_engine(self._checkpoint, rung.engine, spec)
            except EngineError as error:
                self._absent[str(error)] = None
                continue
            earlier = verdict.recall(engine, self._checkpoint)
            if earlier and earlier.passed:
                self._passed[earlier.what] = earlier
            found.append((engine, earlier))
        return found

    def _first_of(self, pairs: list[tuple[Verdict, Engine]]) -> Proved | None:
        """Open the fastest of these by their earlier verdicts; the next one where it does not pass again."""
        for earlier, engine in sorted(pairs, key=lambda pair: pair[0].best_ms):
            now = self._try(engine, gate.BRIEF)
            if now.passed:
                return self._proved(now, engine)
            del self._passed[earlier.what]
        return None

    def _better(self, best: tuple[Verdict, Engine] | None, engine: Engine) -> tuple[Verdict, Engine] | None:
        """Prove an engine that is not known yet; keep the faster one open, and only that."""
        now = self._try(engine, gate.FULL, best[0].best_ms if best else float('inf'))
        if not now.passed:
            return best
        loser = engine if best and best[0].best_ms <= now.best_ms else best and best[1]
        if loser:
            loser.__exit__(None, None, None)
        return best if loser is engine else (now, engine)

    def _try(self, engine: Engine, order: Sequence[int], fastest_ms: float = float('inf')) -> Verdict:
        """Open and prove an engine, remember the verdict, and close it again unless it passes."""
        self._say(f'Opening and proving {engine.name} {engine.precision} on {engine.device}.')
        now = open_and_prove(engine, self._checkpoint, order, fastest_ms)
        (self._passed if now.passed else self._failed)[now.what] = now
        self._say(sentence_of(now))
        if now.was_measured and not (now.passed and order == gate.BRIEF):  # a few runs do not change what is known
            verdict.keep(now, engine, self._checkpoint)
        return now

    def _proved(self, found: Verdict, engine: Engine) -> Proved:
        count = len(self._passed)
        place = f'the fastest of {count} proved here' if count > 1 else 'the only one proved here'
        if self._alone:
            place = 'as asked'
        return Proved(engine, found, f'{found.what}: {found.median_ms:.1f} ms a picture, {place} ({found.reason})')


def open_and_prove(
    engine: Engine, checkpoint: Checkpoint, order: Sequence[int] = gate.FULL, fastest_ms: float = float('inf')
) -> Verdict:
    """Enter an engine and prove it; it stays open if it passes. Whatever it raises is a verdict."""
    try:
        engine.__enter__()
    except Exception as error:
        return gate.broken(engine, checkpoint, error)
    found = None
    try:
        found = gate.prove(engine, checkpoint, order, fastest_ms)
    finally:
        if not found or not found.passed:
            engine.__exit__(None, None, None)
    return found


def sentence_of(found: Verdict) -> str:
    """Say what the gate found, for a log."""
    if not found.passed:
        return f'Not proved: {found.what} {found.reason}.'
    return f'Proved: {found.what}, {found.median_ms:.1f} ms a picture, {found.reason}.'
