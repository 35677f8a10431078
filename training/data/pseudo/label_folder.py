# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fill a folder of pseudo labels: what is done, what could not be, and by whom.

Beside the labels lie settings.json (teacher, sizes, set: labels of two kinds never mix), one done-RANK.tsv per process
(index and name of a picture), written after its label, and one bad-RANK.tsv (index and reason).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dav2_ros.files.atomic import write_json
from dav2_training.config import ConfigError
from dav2_training.data.pseudo.label_file import label_path


class LabelFolder:
    """One process's view of it; what others had done when it was opened is known too."""

    def __init__(self, folder: Path, rank: int, settings: Mapping[str, Any]) -> None:
        """Open or begin the folder. Raises ConfigError if its labels are of other settings."""
        self.folder, self.rank = folder, rank
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / 'settings.json'
        if path.is_file():
            kept = json.loads(path.read_text())
            changed = [key for key in {**kept, **settings} if kept.get(key) != settings.get(key)]
            if changed:
                key = changed[0]
                raise ConfigError(
                    f'{folder} holds labels of {key} {kept.get(key)!r}, not {settings.get(key)!r}: take another folder.'
                )
        else:
            write_json(path, settings)
        self.done = {int(index) for index, name in _lines(folder, 'done-*.tsv') if label_path(folder, name).is_file()}
        self.bad = {int(index) for index, _ in _lines(folder, 'bad-*.tsv')}
        for path in (self._log('done'), self._log('bad')):
            if path.is_file() and not path.read_bytes().endswith(b'\n'):  # cut off by a kill
                path.write_bytes(path.read_bytes() + b'\n')

    def add_done(self, pictures: Sequence[tuple[int, str]]) -> None:
        """Note pictures whose labels are written."""
        self._append(self._log('done'), pictures)

    def add_bad(self, pictures: Sequence[tuple[int, str]]) -> None:
        """Note pictures that cannot be labelled, each with the reason."""
        self._append(self._log('bad'), [(index, ' '.join(reason.split())) for index, reason in pictures])

    def _log(self, kind: str) -> Path:
        return self.folder / f'{kind}-{self.rank:05d}.tsv'

    def _append(self, path: Path, pictures: Sequence[tuple[int, str]]) -> None:
        if pictures:
            with path.open('a') as log:
                log.write(''.join(f'{index}\t{text}\n' for index, text in pictures))


def _lines(folder: Path, pattern: str) -> list[tuple[str, str]]:
    """Read whole lines; the last may have been cut off by a kill."""
    found = []
    for path in sorted(folder.glob(pattern)):
        for line in path.read_text().splitlines(keepends=True):
            index, _, text = line.rstrip('\n').partition('\t')
            if line.endswith('\n') and index.isdigit() and text:
                found.append((index, text))
    return found
