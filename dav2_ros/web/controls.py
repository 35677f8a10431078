# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What all tabs of the page share. Needs Gradio."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from dav2_ros.engines.engine import EngineError
from dav2_ros.frames import FrameError
from dav2_ros.media.images import MediaError
from dav2_ros.models.registry import ModelError
from dav2_ros.web.desk import Wish, without_folders
from dav2_ros.web.session import painted
from dav2_ros.web.told import Tell

ONE_AT_A_TIME: dict[str, Any] = {'concurrency_id': 'engine', 'concurrency_limit': 1}


@dataclass(frozen=True)
class Controls:
    """What all tabs share: how depth is estimated and painted."""

    model: gr.Dropdown
    engine: gr.Dropdown
    hfov: gr.Number
    near: gr.Number
    far: gr.Number

    @property
    def all(self) -> list[gr.components.Component]:
        """As inputs of a function that begins with `wish_of`'s arguments."""
        return [self.model, self.engine, self.hfov, self.near, self.far]


def wish_of(model: str, engine: str, hfov_deg: float, near_m: float, far_m: float) -> Wish:
    """Return what the controls say; raises MediaError for what cannot be."""
    if hfov_deg is None or not 1 <= hfov_deg <= 179:
        raise MediaError(f'A field of view of {hfov_deg} degrees is none: choose 1 to 179.')
    return Wish(model, engine, hfov_deg, painted(near_m, far_m))


def in_sentences(call: Callable) -> Callable:
    """Turn what a visitor can mend into an error on the page, without the folders of this machine."""

    @functools.wraps(call)
    def called(*args: Any, **more: Any) -> Any:
        try:
            return call(*args, **more)
        except (EngineError, FrameError, MediaError, ModelError) as error:
            raise gr.Error(without_folders(str(error)), duration=None, print_exception=False) from error

    return called


def tell_of(progress: gr.Progress) -> Tell:
    """Return what draws a bar on the page."""
    done = 0.0

    def tell(share: float | None, what: str) -> None:
        nonlocal done
        done = done if share is None else share
        progress(done, desc=what)

    return tell
