# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Resume a run that was killed: read back what it had written as far as it goes, and go on."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from dav2_ros.bags import BagError
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.bags.storage.records import RecordedMessage
from dav2_ros.bags.storage.writer import BagWriter

NOTHING = 1000  # bytes: the head of a file


class PartialRun:
    """The folder beside a recording in the making; one run at a time.

    Args:
        out: the recording.
        asked: whatever makes another recording; what another run was asked is not gone on with.
        warm_up: so many pictures before the first new one are estimated again, and not written, for a filter to know
            where it was.
    """

    def __init__(self, out: Path, asked: object, warm_up: int = 0) -> None:
        self._out = out
        self.folder = out.parent / f'.{out.name}.part'
        self._asked = hashlib.sha256(repr(asked).encode()).hexdigest()
        self.done: set[int] = set()  # when the pictures that need no estimating were recorded
        self._copied: Counter = Counter()
        self._last: deque[int] = deque(maxlen=warm_up)

    def __enter__(self) -> PartialRun:
        self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as opened:
            lock = opened.enter_context((self.folder / 'lock').open('a'))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise BagError(f'Another run is writing {self._out}: wait for it, or choose another place.') from error
            self._opened = opened.pop_all()
        before, now = self.folder / 'before', self.folder / self._out.name
        mark = self.folder / 'asked'
        if not (mark.is_file() and mark.read_text() == self._asked):
            shutil.rmtree(before, ignore_errors=True)
            shutil.rmtree(now, ignore_errors=True)
        mark.write_text(self._asked)
        if now.exists() and before.exists():  # killed while it took over: what it took from is still there
            shutil.rmtree(now)
        elif now.exists():
            now.rename(before)
        self._before = before
        return self

    def __exit__(self, *error: object) -> None:
        if sum(file.stat().st_size for file in self.folder.glob('*/*.mcap')) < NOTHING:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._opened.close()

    def take_over(self, writer: BagWriter, outputs: list[str]) -> None:
        """Copy what is whole of the run before; its last picture may not be, and is left out."""
        if not self._before.exists():
            return
        try:
            with BagReader(self._before) as bag:
                last_ns = None
                for each in bag.raw(*outputs):
                    self.done.add(each.log_ns)
                    last_ns = each.log_ns
                self.done.discard(last_ns)
                self._last.extend(sorted(self.done))
                for each in bag.raw():
                    if each.topic not in outputs or each.log_ns in self.done:
                        writer.copy(each, bag.stored[each.topic])
                        self._copied[each.topic] += each.topic not in outputs
        except BagError:  # it was killed before anything was written
            self.done.clear()
        shutil.rmtree(self._before)

    def skips(self, recorded: RecordedMessage) -> bool:
        """Tell whether a picture need not be looked at."""
        return recorded.log_ns in self.done and recorded.log_ns not in self._last

    def fresh(self, copies: Iterable[RecordedMessage], seen: Counter) -> Iterator[RecordedMessage]:
        """Yield the messages that were not copied before; `seen` counts them all."""
        for each in copies:
            seen[each.topic] += 1
            if seen[each.topic] > self._copied[each.topic]:
                yield each
