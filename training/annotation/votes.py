# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Keep pairs of points and what people voted, on disk after every answer; export what they agree upon.

ballot = Ballot.open(Path('pairs.json'))
pair = ballot.next('Ada')
ballot.answer('Ada', pair.number, 0)  # the first point is closer
ballot.export(votes=2)  # pictures with the pairs that two or more people answered, all the same
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dav2_ros.evaluation.da2k import AnnotatedPicture, PointPair
from dav2_ros.files.atomic import write_json
from dav2_training.data.sample import DataError

FORMAT = 1
ANSWERS = {0: 'the first is closer', 1: 'the second is closer', -1: 'nobody can tell'}


@dataclass(frozen=True)
class Vote:
    """One person's answer, one of ANSWERS."""

    who: str
    answer: int


@dataclass(frozen=True)
class DisputedPair:
    """A pair of points that is voted on."""

    number: int
    picture: str  # path below the root
    points: tuple[tuple[int, int], tuple[int, int]]  # row, column
    disagreement: float
    votes: tuple[Vote, ...] = ()

    def closer(self, votes: int) -> int | None:
        """Return which point is closer if at least `votes` people said so and nobody said otherwise; else None."""
        answers = [vote.answer for vote in self.votes]
        return answers[0] if len(answers) >= max(votes, 1) and len(set(answers)) == 1 and answers[0] >= 0 else None


class Ballot:
    """Pairs and votes in one file. Any thread may ask; every answer is on disk when `answer` returns."""

    def __init__(self, path: Path, root: Path, pairs: Sequence[DisputedPair], made_by: dict[str, object]) -> None:
        self.path, self.root, self.made_by = path, root, dict(made_by)
        self._pairs = {pair.number: pair for pair in pairs}
        self._lock = threading.Lock()
        self._history: list[tuple[str, int]] = []  # who answered what last: for taking back

    @classmethod
    def open(cls, path: Path) -> Ballot:
        """Read a ballot. Raises DataError for a file that is none."""
        try:
            facts = json.loads(path.read_text(encoding='utf-8'))
            if facts['format'] != FORMAT:
                raise ValueError(f'its format is {facts["format"]}, not {FORMAT}')
            pairs = [_pair(entry) for entry in facts['pairs']]
            return cls(path, path.parent / facts['root'], pairs, facts['made_by'])
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise DataError(f'{path} is no ballot ({error}): make one with `dav2-train annotate propose`.') from error

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, number: int) -> DisputedPair:
        if number not in self._pairs:
            raise DataError(f'There is no pair {number}: there are {len(self)}.')
        return self._pairs[number]

    def next(self, who: str) -> DisputedPair | None:
        """Return the pair with the fewest votes among those that this person has not answered; None when all are."""
        with self._lock:
            open_for = [p for p in self._pairs.values() if who not in {vote.who for vote in p.votes}]
        return min(open_for, key=lambda p: (len(p.votes), p.number), default=None)

    def answer(self, who: str, number: int, answer: int) -> None:
        """Note an answer, in place of an earlier one of the same person, and save. Raises DataError for a bad one."""
        if answer not in ANSWERS or not who.strip():
            raise DataError(f'{who!r} answered {answer!r}: give a name, and {", ".join(map(str, ANSWERS))}.')
        with self._lock:
            pair = self[number]
            votes = tuple(vote for vote in pair.votes if vote.who != who)
            self._pairs[number] = replace(pair, votes=(*votes, Vote(who, answer)))
            self._history.append((who, number))
            self._save()

    def take_back(self, who: str) -> DisputedPair | None:
        """Remove the last answer that a person gave since the ballot was opened, and return its pair."""
        with self._lock:
            numbers = [number for name, number in self._history if name == who]
            if not numbers:
                return None
            number = numbers[-1]
            self._history = [each for each in self._history if each != (who, number)]
            pair = self._pairs[number]
            self._pairs[number] = replace(pair, votes=tuple(v for v in pair.votes if v.who != who))
            self._save()
            return self._pairs[number]

    def answered(self, who: str) -> int:
        """Count the pairs that a person has answered."""
        return sum(who in {vote.who for vote in pair.votes} for pair in self._pairs.values())

    def save(self) -> None:
        """Write the file beside, then rename it."""
        with self._lock:
            self._save()

    def _save(self) -> None:
        root = self.root.resolve().as_posix()
        if self.root.resolve().is_relative_to(self.path.parent.resolve()):
            root = self.root.resolve().relative_to(self.path.parent.resolve()).as_posix()
        pairs = [asdict(pair) for pair in self._pairs.values()]
        write_json(self.path, {'format': FORMAT, 'root': root, 'made_by': self.made_by, 'pairs': pairs})

    def export(self, votes: int = 1) -> list[AnnotatedPicture]:
        """Return the pictures with pairs that at least `votes` people answered, all alike; see da2k.to_json."""
        agreed: dict[str, list[PointPair]] = {}
        for pair in self._pairs.values():
            if (closer := pair.closer(votes)) is not None:
                agreed.setdefault(pair.picture, []).append(PointPair(pair.points, closer))
        return [AnnotatedPicture(name, tuple(pairs)) for name, pairs in sorted(agreed.items())]


def _pair(entry: dict) -> DisputedPair:
    a, b = (tuple(int(x) for x in point) for point in entry['points'])
    votes = tuple(Vote(str(vote['who']), int(vote['answer'])) for vote in entry['votes'])
    return DisputedPair(int(entry['number']), str(entry['picture']), (a, b), float(entry['disagreement']), votes)
