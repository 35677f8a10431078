# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Serve the page where people say which of two points is closer: a click on the point, or a button."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import cv2
import numpy as np

from dav2_training.annotation.votes import Ballot, DisputedPair
from dav2_training.data import decode
from dav2_training.data.sample import DataError

if TYPE_CHECKING:
    import gradio

MAX_WIDTH_PX, MAX_HEIGHT_PX = 1000, 720  # of the shown picture
COLOURS = ((242, 169, 0), (0, 150, 255))  # of A and B: neither says "right"
MAX_CLICK_DISTANCE_PX = 40  # in the shown picture: a click farther from both points means neither
DONE = 'That was the last one: thank you. `dav2-train annotate export` writes what is agreed upon.'


def draw_pair(rgb: np.ndarray, pair: DisputedPair) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Return the picture as it is shown, points A and B drawn in, and where they are in it: (x, y)."""
    height, width = rgb.shape[:2]
    scale = min(MAX_WIDTH_PX / width, MAX_HEIGHT_PX / height)
    size = (max(1, round(scale * width)), max(1, round(scale * height)))
    drawn = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    at = [(int((c + 0.5) * size[0] / width), int((r + 0.5) * size[1] / height)) for r, c in pair.points]
    for name, point, colour in zip('AB', at, COLOURS):
        for radius, paint in ((9, (255, 255, 255)), (7, (0, 0, 0)), (5, colour)):
            cv2.circle(drawn, point, radius, paint, -1, cv2.LINE_AA)
        x, y = min(point[0] + 13, size[0] - 22), max(point[1] - 9, 20)
        for thickness, paint in ((5, (0, 0, 0)), (2, colour)):
            cv2.putText(drawn, name, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.8, paint, thickness, cv2.LINE_AA)
    return drawn, at


def nearest_point(x: int, y: int, at: list[tuple[int, int]]) -> int | None:
    """Return the index of the point that is nearest to a click, None where neither is near."""
    distances = [np.hypot(x - px, y - py) for px, py in at]
    return int(np.argmin(distances)) if min(distances) <= MAX_CLICK_DISTANCE_PX else None


class AnnotationSession:
    """What the page does, without Gradio: show a pair, record an answer, show the next pair."""

    def __init__(self, ballot: Ballot) -> None:
        self.ballot = ballot

    def show(self, who: str, pair: DisputedPair | None = None) -> tuple[np.ndarray | None, int, str]:
        """Return the picture of a person's next pair, its number (-1: none is left) and a line that says how far."""
        if not who.strip():
            return None, -1, 'Who are you? Any name will do.'
        pair = pair or self.ballot.next(who)
        if pair is None:
            return None, -1, DONE
        drawn, _ = draw_pair(decode.rgb(self.ballot.root / pair.picture), pair)
        return drawn, pair.number, f'{self.ballot.answered(who)} of {len(self.ballot)} answered. {pair.picture}'

    def answer(self, who: str, number: int, answer: int) -> tuple[np.ndarray | None, int, str]:
        """Record an answer to a pair and show the next."""
        if who.strip() and number >= 0:
            self.ballot.answer(who, int(number), int(answer))
        return self.show(who)

    def click(self, who: str, number: int, x: int, y: int) -> tuple[np.ndarray | None, int, str]:
        """Record a click into the shown picture, if it is at one of the points."""
        if number < 0:
            return self.show(who)
        pair = self.ballot[int(number)]
        drawn, at = draw_pair(decode.rgb(self.ballot.root / pair.picture), pair)
        if (meant := nearest_point(x, y, at)) is None:
            return drawn, number, 'Click on A or on B, whichever is closer to the camera.'
        return self.answer(who, number, meant)

    def take_back(self, who: str) -> tuple[np.ndarray | None, int, str]:
        """Undo a person's last answer and show its pair again."""
        return self.show(who, self.ballot.take_back(who))


def build_page(ballot: Ballot) -> gradio.Blocks:
    """Return the page. Raises DataError without Gradio."""
    os.environ.setdefault('GRADIO_ANALYTICS_ENABLED', 'False')
    try:
        import gradio as gr
    except ImportError as error:
        raise DataError("The page needs Gradio: `pip install 'dav2_ros[web]'`.") from error
    session = AnnotationSession(ballot)
    with gr.Blocks(title='Which point is closer?') as page:
        gr.Markdown('## Which point is closer to the camera?\nClick on it, or use the buttons.')
        with gr.Row():
            who = gr.Textbox(label='Your name', max_length=60, scale=5)
            begin = gr.Button('Begin', scale=1)
        picture = gr.Image(label='', show_label=False, interactive=False, format='png')
        with gr.Row():
            first, second = gr.Button('A is closer'), gr.Button('B is closer')
            nobody, back = gr.Button('Cannot tell'), gr.Button('Take back')
        said = gr.Markdown()
        number = gr.Number(-1, visible=False, precision=0)
        out = [picture, number, said]

        def on_click(who: str, number: int, event: gr.SelectData):  # Gradio asks for the type
            return session.click(who, number, *event.index)

        on_click.__annotations__['event'] = gr.SelectData
        gr.on([who.submit, begin.click], session.show, [who], out, api_name='show')
        picture.select(on_click, [who, number], out, api_name=False)
        for button, answer, name in ((first, 0, 'first'), (second, 1, 'second'), (nobody, -1, 'nobody')):
            button.click(lambda w, n, a=answer: session.answer(w, n, a), [who, number], out, api_name=name)
        back.click(session.take_back, [who], out, api_name='take_back')
    return page
