# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Report how far a job is to somebody who looks at a page."""

from __future__ import annotations

from collections.abc import Callable

from rich.progress import Progress, TaskID

from dav2_ros.media.images import MediaError

Tell = Callable[[float | None, str], None]  # how much is done, 0 to 1, None: as before; and what


def quiet(share: float | None, what: str) -> None:
    """Tell nobody."""


class WebProgress(Progress):
    """Progress that is told to somebody instead of drawn. Raises MediaError beyond `most` steps."""

    def __init__(self, tell: Tell, most: int | None = None) -> None:
        super().__init__(disable=True)
        self._tell_somebody, self._most = tell, most

    def add_task(self, description: str, total: float | None = 100.0, **fields: object) -> TaskID:
        self._check(total or 0)
        return super().add_task(description, total=total, **fields)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        super().advance(task_id, advance)
        task = next(task for task in self.tasks if task.id == task_id)
        self._check(task.completed)
        share = task.completed / max(task.total or 2 * task.completed, 1)
        self._tell_somebody(min(share, 1.0), f'{task.completed:.0f} of {task.total or "?"}')

    def _check(self, steps: float) -> None:
        if self._most and steps > self._most:
            raise MediaError(f'The video has more than {self._most} frames: cut it.')
