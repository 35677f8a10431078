# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Select the fastest installed engine that the accuracy gate proves on this machine, at this shape."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from dav2_ros.engines import cache
from dav2_ros.engines.backends.factory import describe_engine
from dav2_ros.engines.engine import Engine, EngineError, EngineSpec
from dav2_ros.engines.selection import accuracy_gate, verdict
from dav2_ros.engines.selection.candidates import EngineCandidate, list_candidates
from dav2_ros.engines.selection.head_to_head import FastestEngine
from dav2_ros.engines.selection.verdict import AccuracyVerdict
from dav2_ros.models.checkpoints import Checkpoint

Say = Callable[[str], None]
REFERENCE = EngineCandidate('torch', 'fp32', 'cpu')


@dataclass(frozen=True)
class ProvedEngine:
    """An engine that is entered and has passed the gate in this process; leaving it is its owner's."""

    engine: Engine
    verdict: AccuracyVerdict
    why: str  # one sentence for log and diagnostics


def open_proved(
    checkpoint: Checkpoint,
    name: str,
    spec: EngineSpec,
    say: Say = lambda text: None,
    *,
    without: Collection[EngineCandidate] = (),
) -> ProvedEngine:
    """Return the fastest engine that passes the gate, entered; every one that is not known yet is built and proved.

    What earlier starts found is believed as far as speed and failure go; what is used is proved now. A GPU comes before
    the CPU; candidates in `without` are passed over. Raises EngineError that says of each one why not, and what `say`
    raises.
    """
    search = _Search(checkpoint, name, spec, say, without)
    for candidates in search.by_device():
        if proved := search.fastest(candidates):
            return proved
    raise EngineError(search.refusal())


def open_at_once(
    checkpoint: Checkpoint, name: str, spec: EngineSpec, *, without: Collection[EngineCandidate] = ()
) -> ProvedEngine:
    """Return the engine that earlier starts found fastest, if it is built, else PyTorch in fp32: seconds."""
    search = _Search(checkpoint, name, spec, lambda text: None, without)
    for candidates in search.by_device():
        if proved := search.known(candidates):
            return proved
    if REFERENCE not in without:
        return open_reference(checkpoint, spec)
    return open_proved(checkpoint, name, spec, without=without)


def open_reference(checkpoint: Checkpoint, spec: EngineSpec) -> ProvedEngine:
    """Return PyTorch in fp32 on the CPU, entered: not proved, since it is what the others are compared with."""
    engine = describe_engine(checkpoint, 'torch', replace(spec, device='cpu', precision='fp32')).__enter__()
    facts = verdict.facts_of(engine, checkpoint)
    right = AccuracyVerdict(
        True, 'is what others are compared with', deterministic=True, finite=True, monotone=True, **facts
    )
    return ProvedEngine(engine, right, f'{right.what}: exact, and open at once')


def is_settled(
    checkpoint: Checkpoint, name: str, spec: EngineSpec, *, without: Collection[EngineCandidate] = ()
) -> bool:
    """Return whether `open_proved` would find nothing that `open_at_once` does not.

    Raises EngineError, the sentence of each engine, where none can run here.
    """
    return _Search(checkpoint, name, spec, lambda text: None, without).is_settled()


def open_and_prove(
    engine: Engine, checkpoint: Checkpoint, order: Sequence[int] = accuracy_gate.FULL, fastest_ms: float = float('inf')
) -> AccuracyVerdict:
    """Enter an engine and prove it; it stays open if it passes. What it raises becomes a verdict, which is kept."""
    try:
        engine.__enter__()
    except Exception as error:
        return accuracy_gate.broken(engine, checkpoint, error)
    found = None
    try:
        found = accuracy_gate.prove(engine, checkpoint, order, fastest_ms)
    finally:
        if not found or not found.passed:
            engine.__exit__(None, None, None)
    if found.was_measured and not (
        found.passed and order == accuracy_gate.BRIEF
    ):  # a few runs change nothing that is known
        verdict.keep(found, engine, checkpoint)
    return found


class _Search:
    """The way down the ladder: what passed, what did not and why."""

    def __init__(
        self, checkpoint: Checkpoint, name: str, spec: EngineSpec, say: Say, without: Collection[EngineCandidate]
    ) -> None:
        self._checkpoint, self._spec, self._say = checkpoint, spec, say
        self._candidates = [rung for rung in list_candidates(name, spec) if rung not in without]
        self._alone = len(self._candidates) == 1
        self._absent: dict[str, None] = {}  # sentences of engines that cannot be described, in order
        self._failed: dict[str, AccuracyVerdict] = {}
        self._passed: dict[str, AccuracyVerdict] = {}
        self._champion = FastestEngine()

    def by_device(self) -> list[list[EngineCandidate]]:
        """Return what there is to try, the best device first."""
        devices = dict.fromkeys(rung.device for rung in self._candidates)
        return [[rung for rung in self._candidates if rung.device == device] for device in devices]

    def known(self, candidates: Sequence[EngineCandidate]) -> ProvedEngine | None:
        """Return the fastest of those that passed in an earlier start and are built, if it passes again."""
        ready = [(v, engine) for engine, v in self._recalled(candidates) if v and v.passed and engine.is_built]
        return self._first_of(ready, may_build=False)

    def is_settled(self) -> bool:
        """Return whether nothing is left to be built or proved; raises EngineError if nothing can be."""
        found = self._recalled(self._candidates)
        if not found:
            raise EngineError(self.refusal())
        engines = {verdict.engine for verdict in self._passed.values()}
        for engine, earlier in found:
            is_spared = engine.precision == 'fp32' and engine.name in engines
            is_reference = EngineCandidate(engine.name, engine.precision, engine.device) == REFERENCE
            is_known = earlier and (not earlier.passed or engine.is_built)
            if not (is_known or (earlier is None and (is_spared or is_reference))):
                return False
        return True

    def fastest(self, candidates: Sequence[EngineCandidate]) -> ProvedEngine | None:
        """Return the fastest of all that pass."""
        try:
            return self._fastest(candidates)
        except BaseException:
            self._champion.close()
            raise

    def _fastest(self, candidates: Sequence[EngineCandidate]) -> ProvedEngine | None:
        earlier: list[tuple[AccuracyVerdict, Engine]] = []
        spared: list[Engine] = []
        for engine, found in self._recalled(candidates):
            if found and found.passed:
                earlier.append((found, engine))
            elif found and not self._alone:
                self._failed[found.what] = found
            elif engine.precision == 'fp32' and engine.name in {v.engine for v in self._passed.values()}:
                spared.append(engine)
            else:
                self._compete(engine)
        champion = self._champion
        if known := self._first_of([pair for pair in earlier if pair[0].rank_ms < champion.best_ms]):
            champion.challenge(known.verdict, known.engine)
        for engine in spared if not champion.engine else ():
            self._compete(engine)
        if not (champion.engine and champion.verdict):
            return None
        for found, engine in champion.standings():
            verdict.keep(found, engine, self._checkpoint)
        return self._proved(champion.verdict, champion.engine)

    def refusal(self) -> str:
        """Say why there is none: one sentence of each that was tried."""
        if not self._failed:
            return ' '.join(self._absent)
        reasons = '; '.join(f'{v.what} {v.reason}' for v in self._failed.values())
        plan = self._spec.plan
        other = 'precision or engine, or auto' if self._alone else 'size or model'
        return (
            f'No engine is proved for {plan.width}x{plan.height} pictures here: {reasons}. Choose another {other}, or '
            'let them be built anew (`dav2 cache clear`).'
        )

    def _recalled(self, candidates: Sequence[EngineCandidate]) -> list[tuple[Engine, AccuracyVerdict | None]]:
        """Describe every rung that can be, with what is known of it."""
        found = []
        for rung in candidates:
            spec = replace(self._spec, device=rung.device, precision=rung.precision)
            try:
                engine = describe_engine(self._checkpoint, rung.engine, spec, self._say)
                earlier = verdict.recall(engine, self._checkpoint)
            except EngineError as error:
                self._absent[str(error)] = None
                continue
            except Exception as error:  # a library that is installed, and does not load
                self._absent[f'The {rung.engine} engine does not load ({type(error).__name__}: {error}).'] = None
                continue
            if earlier and earlier.passed:
                self._passed[earlier.what] = earlier
            found.append((engine, earlier))
        return found

    def _first_of(self, pairs: list[tuple[AccuracyVerdict, Engine]], may_build: bool = True) -> ProvedEngine | None:
        """Open the fastest of these by their earlier verdicts; the next one where it does not pass again."""
        for _, engine in sorted(pairs, key=lambda pair: pair[0].rank_ms):
            now = self._try(engine, accuracy_gate.BRIEF)
            if now.was_measured and not now.passed:  # nothing has changed, and it is another engine: files have
                self._say(f'{now.what} passed earlier: building it anew.')
                plan = self._spec.plan
                cache.remove_built(self._checkpoint.sha256, (plan.net_height, plan.net_width))
                if not may_build:  # then it is for who may
                    verdict.forget(engine, self._checkpoint)
                    continue
                now = self._try(engine, accuracy_gate.FULL)
            if now.passed:
                return self._proved(now, engine)
        return None

    def _compete(self, engine: Engine) -> None:
        """Prove an engine that is not known yet, and let it race."""
        now = self._try(engine, accuracy_gate.FULL, self._champion.best_ms)
        if now.passed:
            self._champion.challenge(now, engine)

    def _try(self, engine: Engine, order: Sequence[int], fastest_ms: float = float('inf')) -> AccuracyVerdict:
        """Open and prove an engine; it is closed again unless it passes."""
        self._say(f'Opening and proving {engine.name} {engine.precision} on {engine.device}.')
        now = open_and_prove(engine, self._checkpoint, order, fastest_ms)
        for known in (self._passed, self._failed):
            known.pop(now.what, None)
        (self._passed if now.passed else self._failed)[now.what] = now
        try:
            self._say(now.sentence)
        except BaseException:
            if now.passed:
                engine.__exit__(None, None, None)
            raise
        return now

    def _proved(self, found: AccuracyVerdict, engine: Engine) -> ProvedEngine:
        count = len(self._passed)
        place = f'the fastest of {count} proved here' if count > 1 else 'the only one proved here'
        if self._alone:
            place = 'as asked'
        return ProvedEngine(
            engine, found, f'{found.what}: {found.median_ms:.1f} ms a picture, {place} ({found.reason})'
        )
