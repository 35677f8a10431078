# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Keep the engines of several shapes of pictures side by side: cameras that differ do not close each other's."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor

from dav2_ros.engines.hot_swap import EngineState, SwappableEngine
from dav2_ros.image.resize import ResizePlan


class EnginePool:
    """One supply for each plan, opened when it is first asked for, closed when it is no longer kept.

    All of it is for the thread that infers, except `state`, which is for any.

    Args:
        make: describes the supply of a plan.
    """

    def __init__(self, make: Callable[[ResizePlan], SwappableEngine]) -> None:
        self._make = make
        self._supplies: dict[ResizePlan, SwappableEngine] = {}
        self._coming: dict[ResizePlan, Future[SwappableEngine]] = {}
        self._opener: ThreadPoolExecutor | None = None  # the thread of `begin`
        self._newest: ResizePlan | None = None  # the plan asked for last

    def open(self, plan: ResizePlan) -> SwappableEngine:
        """Return the supply of a plan, open; raises EngineError that says of every engine why it is not used."""
        self._newest = plan
        if plan not in self._supplies:
            coming = self._coming.pop(plan, None)
            self._supplies[plan] = coming.result() if coming else self._make(plan).__enter__()
        return self._supplies[plan]

    def begin(self, plan: ResizePlan) -> bool:
        """Let a thread open the supply of a plan; True once `open` need not wait for it, or raises at once."""
        if plan in self._supplies:
            return True
        if plan not in self._coming:
            self._opener = self._opener or ThreadPoolExecutor(1, 'engine opener')
            self._coming[plan] = self._opener.submit(self._make(plan).__enter__)
        return self._coming[plan].done()

    def keep(self, plans: Collection[ResizePlan]) -> None:
        """Close all but these."""
        for plan in set(self._supplies) - set(plans):
            self._supplies.pop(plan).close(0.0)  # what is being built for it ends when it can
        for plan in set(self._coming) - set(plans):
            self._coming.pop(plan).add_done_callback(_close)

    def replace(self, why: str) -> None:
        """Take another proved engine in place of the one asked for last, which threw.

        Raises EngineError if none can be had; then the supply is closed, and opened anew when it is asked for.
        """
        plan = self._newest
        if plan and (supply := self._supplies.pop(plan, None)):
            supply.lost(why)
            self._supplies[plan] = supply

    def state(self, plan: ResizePlan | None = None) -> EngineState | None:
        """Return what there is for a plan, by default the one asked for last; None if nothing is open."""
        plan = plan or self._newest
        supply = self._supplies.get(plan) if plan else None
        return supply.state if supply else None

    def close(self, *exc: object) -> None:
        """Close all."""
        while self._supplies:
            self._supplies.popitem()[1].__exit__(*exc)
        self.keep(())
        if self._opener:
            self._opener.shutdown()
            self._opener = None


def _close(coming: Future[SwappableEngine]) -> None:
    if not coming.exception():
        coming.result().close(0.0)
