# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The engines of several shapes of pictures, side by side: cameras that differ do not close each other's."""

from __future__ import annotations

from collections.abc import Callable, Collection

from dav2_ros.engines.supply import EngineSupply, State
from dav2_ros.resize import ResizePlan


class EngineShelf:
    """One supply for each plan, opened when it is first asked for, closed when it is no longer kept.

    All of it is for the thread that infers, except `state` and `newest`, which are for any.

    Args:
        make: describes the supply of a plan.
    """

    def __init__(self, make: Callable[[ResizePlan], EngineSupply]) -> None:
        self._make = make
        self._supplies: dict[ResizePlan, EngineSupply] = {}
        self.newest: ResizePlan | None = None  # the plan asked for last

    def open(self, plan: ResizePlan) -> EngineSupply:
        """Return the supply of a plan, open; raises EngineError that says of every engine why it is not used."""
        supply = self._supplies.get(plan)
        if supply is None:
            supply = self._supplies[plan] = self._make(plan).__enter__()
        self.newest = plan
        return supply

    def keep(self, plans: Collection[ResizePlan]) -> None:
        """Close all but these."""
        for plan in set(self._supplies) - set(plans):
            self._supplies.pop(plan).close(0.0)  # what is being built for it ends when it can

    def replace(self, why: str) -> None:
        """Take another proved engine in place of the one asked for last, which threw.

        Raises EngineError if none can be had; then the supply is closed, and opened anew when it is asked for.
        """
        if supply := self._supplies.pop(self.newest, None):
            supply.lost(why)
            self._supplies[self.newest] = supply

    def state(self, plan: ResizePlan | None = None) -> State | None:
        """Return what there is for a plan, by default the newest; None if nothing is open."""
        supply = self._supplies.get(plan or self.newest)
        return supply.state if supply else None

    def close(self, *exc: object) -> None:
        """Close all."""
        while self._supplies:
            self._supplies.popitem()[1].__exit__(*exc)
