# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Serve an engine at once, and swap in a better one between two frames when it is built and proved."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from dav2_ros.engines.engine import Engine, EngineSpec
from dav2_ros.engines.selection import selection
from dav2_ros.engines.selection.candidates import EngineCandidate, list_candidates
from dav2_ros.engines.selection.selection import ProvedEngine
from dav2_ros.errors import is_ours, message_of
from dav2_ros.models.checkpoints import Checkpoint

THREAD = 'engine builder'
LOG_EVERY_S = 10.0  # builders speak every second
PATIENCE_S = 3.0  # so long does leaving wait for a builder to notice
_one_builder = threading.Lock()  # after a change of shape the next builder waits until the last one has given up

Say = Callable[[str], None]


class BuildAbandoned(Exception):
    """Nobody wants what is being built any more."""


@dataclass(frozen=True)
class EngineState:
    """What diagnostics show of a supply."""

    proved: ProvedEngine
    building: str = ''  # the builder's last sentence, while it is at work
    failure: str = ''  # why nothing better came, if the builder failed


class SwappableEngine:
    """The engines for one shape of pictures, one at a time.

    All of it is for the thread that infers, except `state`, which is for any.

    Args:
        checkpoint, name, spec: as for `selection.open_proved`.
        background: enter with what opens in seconds, and let a thread find out what is fastest. Without it, entering
            takes as long as that takes.
        say, warn: get a sentence when an engine is chosen and when something failed, on whatever thread.
    """

    def __init__(
        self, checkpoint: Checkpoint, name: str, spec: EngineSpec, *, background: bool, say: Say, warn: Say
    ) -> None:
        self.spec = spec
        self._asked = checkpoint, name, spec
        self._background, self._say, self._warn = background, say, warn
        self._lost: frozenset[EngineCandidate] = frozenset()  # what failed at work
        self._was_opened_anew = False  # after all that was asked for had failed
        self._failure = ''  # why the reference stands in for good
        self._proved: ProvedEngine | None = None
        self._builder: EngineBuilder | None = None

    def __enter__(self) -> SwappableEngine:
        asked, lost = self._asked, self._lost
        checkpoint, name, spec = asked
        if list_candidates(name, spec) == [selection.REFERENCE]:
            self._use(selection.open_reference(checkpoint, spec))
            return self
        if not self._background:
            self._use(selection.open_proved(*asked, self._say, without=lost))
            return self
        settled = selection.is_settled(*asked, without=lost)  # refuses what cannot run here at all
        self._use(selection.open_at_once(*asked, without=lost))
        if settled and _rung(self._in_use) == selection.REFERENCE:  # what passed earlier did not pass again
            settled = selection.is_settled(*asked, without=lost)
        if not settled:
            build = lambda say: selection.open_proved(*asked, say, without=lost)  # noqa: E731
            self._builder = EngineBuilder(build, self._say, self._warn)
        return self

    def __exit__(self, *exc: object) -> None:
        self.close(PATIENCE_S)

    def close(self, patience_s: float) -> None:
        """Close the engine and tell the builder to stop; one that does not within this time ends by itself."""
        builder, self._builder = self._builder, None
        proved, self._proved = self._proved, None
        if builder:
            builder.abandon(patience_s)
        if proved:
            _close(proved)

    @property
    def state(self) -> EngineState | None:
        """What there is; None while it is closed."""
        proved, builder = self._proved, self._builder
        if not proved:
            return None
        return (
            EngineState(proved, builder.text, builder.failure)
            if builder
            else EngineState(proved, failure=self._failure)
        )

    @property
    def _in_use(self) -> ProvedEngine:
        assert self._proved is not None  # from entering to leaving there is one
        return self._proved

    def engine(self) -> Engine:
        """Return the engine for the next frame; if a better one is ready, it takes the place of the last one now."""
        better = self._builder and self._builder.take()
        if better and _rung(better) == _rung(self._in_use):
            _close(better)
        elif better:
            last = self._in_use
            self._use(better)
            _close(last)
        return self._in_use.engine

    def lost(self, why: str) -> None:
        """Replace the engine, which threw or gave no depth: by another one that is proved.

        When all have failed they are opened anew, once; when they fail again, PyTorch in fp32 stands in. Raises
        EngineError if none can be had; then the supply is closed.
        """
        rung = _rung(self._in_use)
        self.close(0.0)
        self._lost |= {rung}
        checkpoint, name, spec = self._asked
        if self._lost >= set(list_candidates(name, spec)):
            what = f'{rung.engine} {rung.precision} on {rung.device}'
            if self._was_opened_anew and selection.REFERENCE not in self._lost:
                self._failure = f'{what} failed at work twice ({why}).'
                self._warn(f'{self._failure} PyTorch in fp32 stands in.')
                self._use(selection.open_reference(checkpoint, spec))
                return
            self._lost, self._was_opened_anew, self._failure = frozenset(), True, ''
        else:
            self._warn(
                f'{rung.engine} {rung.precision} on {rung.device} failed at work ({why}): taking another engine.'
            )
        self.__enter__()

    def _use(self, proved: ProvedEngine) -> None:
        self._proved = proved
        self._say(proved.why)


class EngineBuilder:
    """A thread that makes one ProvedEngine, and hands it over or, once abandoned, closes it.

    Args:
        build: makes it; what it passes to its argument tells how far it is, and raises BuildAbandoned when it should
            stop.
        say, warn: for the log.
    """

    def __init__(self, build: Callable[[Say], ProvedEngine], say: Say, warn: Say) -> None:
        self.text, self.failure = 'Waiting for its turn.', ''
        self._build, self._say, self._warn = build, say, warn
        self._lock = threading.Lock()  # of what follows
        self._made: ProvedEngine | None = None
        self._abandoned = False
        self._logged_s = -float('inf')
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
        self._thread.start()

    def take(self) -> ProvedEngine | None:
        """Return what was made, once; None until then."""
        with self._lock:
            made, self._made = self._made, None
        return made

    def abandon(self, patience_s: float) -> None:
        """Tell it to stop, and wait so long for it; whenever it ends, what it made is closed."""
        with self._lock:
            self._abandoned = True
        self._thread.join(patience_s)
        if made := self.take():
            _close(made)

    def _run(self) -> None:
        made = None
        try:
            with _one_builder:
                self._hear('Looking for the fastest engine.')
                made = self._build(self._hear)
        except BuildAbandoned:
            pass
        except Exception as error:
            self._fail(error)
        with self._lock:
            self.text = ''
            unwanted = self._abandoned
            self._made = None if unwanted else made
        if unwanted and made:
            _close(made)

    def _hear(self, text: str) -> None:
        if self._abandoned:
            raise BuildAbandoned
        self.text = text
        now_s = time.monotonic()
        if now_s - self._logged_s >= LOG_EVERY_S:
            self._logged_s = now_s
            self._say(text)

    def _fail(self, error: Exception) -> None:
        message = message_of(error)
        self.failure = message if is_ours(error) else f'No better engine: {type(error).__name__}: {message}'
        if not self._abandoned:
            self._warn(self.failure)


def is_building() -> bool:
    """Return whether a builder is still at work, be it abandoned: leaving Python under it may crash."""
    return any(thread.name == THREAD for thread in threading.enumerate())


def _rung(proved: ProvedEngine) -> EngineCandidate:
    engine = proved.engine
    return EngineCandidate(engine.name, engine.precision, engine.device)


def _close(proved: ProvedEngine) -> None:
    proved.engine.__exit__(None, None, None)
