# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The page of `dav2 web` in a browser: upload, click, metres, downloads; and whom the browser asked."""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from page_server import draw, served

from dav2_ros.depth.colour import colourise
from dav2_ros.media.images import read_depth_png

pytest.importorskip('gradio', reason='Gradio is not installed (pip: the extra web)')
browsers = pytest.importorskip('playwright.sync_api', reason='playwright is not installed (pip: the extra test)')
CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
FLAGS = (
    '--no-sandbox --disable-quic --no-first-run --disable-background-networking --disable-component-update '
    '--disable-sync --use-angle=swiftshader --enable-unsafe-swiftshader'
).split()
PATIENCE_MS = 120_000  # of a busy machine
pytestmark = pytest.mark.skipif(not CHROMIUM, reason='Chromium is not installed (apt install chromium)')


@pytest.fixture(scope='module')
def asked() -> list[str]:
    """All addresses that the browser asked for."""
    return []


@pytest.fixture(scope='module')
def tab(random_model, asked, tmp_path_factory) -> Iterator[Any]:
    """A tab with the page, where a picture of 90x60 was estimated; nothing is answered but by this machine."""
    folder = tmp_path_factory.mktemp('browser')
    with served(folder, random_model) as address, browsers.sync_playwright() as play:
        options = {'executable_path': CHROMIUM, 'viewport': {'width': 1280, 'height': 1400}, 'accept_downloads': True}
        context = play.chromium.launch_persistent_context(str(folder / 'profile'), args=FLAGS, **options)
        context.set_default_timeout(PATIENCE_MS)
        context.set_default_navigation_timeout(PATIENCE_MS)
        tab = context.new_page()
        tab.on('request', lambda request: asked.append(request.url))
        tab.goto(address)
        tab.locator('#photo input[type=file]').set_input_files(draw(folder / 'photo.png'))
        tab.locator('#photo img').wait_for()
        tab.get_by_role('button', name='Estimate depth', exact=True).click()
        tab.locator('#depth img').wait_for()
        tab.locator('#files').get_by_text('.npy').first.wait_for()
        yield tab
        context.close()


def downloaded(tab: Any, end: str) -> Path:
    with tab.expect_download() as waiting:
        tab.locator(f'#files a[download$="{end}"]').first.click()
    path = Path(waiting.value.path())
    return path.rename(path.with_name(f'{path.name}_{end}'))


def shown(tab: Any) -> np.ndarray:
    """Return the pixels (H, W, 3) of the depth picture as the browser has them."""
    script = """picture => {
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
        canvas.getContext('2d').drawImage(picture, 0, 0);
        return canvas.toDataURL('image/png').split(',')[1];
    }"""
    data = base64.b64decode(tab.locator('#depth img').evaluate(script))
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def reading_at(tab: Any, u: int, v: int) -> str:
    """Click the upper left quarter of a pixel, which Gradio rounds to it; return what is read out."""
    picture, said = tab.locator('#depth img'), tab.locator('#reading textarea, #reading input').first
    box = picture.bounding_box()
    picture.click(position={'x': (u + 0.25) * box['width'] / 90, 'y': (v + 0.25) * box['height'] / 60})
    browsers.expect(said).to_have_value(re.compile(rf'Pixel \({u}, {v}\)'), timeout=PATIENCE_MS)
    return said.input_value()


@pytest.fixture(scope='module')
def z_m(tab) -> np.ndarray:
    """Depth as it is downloaded."""
    return np.load(downloaded(tab, 'depth.npy'))


def test_a_click_reads_the_metres_of_the_file(tab, z_m):
    assert z_m.shape == (60, 90) and z_m.dtype == np.float32
    assert len({f'{z:.3f}' for z in z_m[[20, 45], [31, 70]]}) == 2  # or a wrong pixel would look right
    for u, v in ((31, 20), (70, 45)):
        assert float(re.search(r': ([\d.]+) m ahead', reading_at(tab, u, v)).group(1)) == round(float(z_m[v, u]), 3)


def test_downloads_and_what_is_shown_are_the_same_depth(tab, z_m):
    png_m = read_depth_png(downloaded(tab, 'depth.png'))
    known = np.isfinite(png_m)
    assert known.any()
    np.testing.assert_allclose(png_m[known], z_m[known], atol=6e-4)
    assert downloaded(tab, 'cloud.ply').read_bytes().startswith(b'ply\n')
    np.testing.assert_array_equal(shown(tab), colourise(z_m, 0.5, 40.0))


def test_the_slider_moves_between_picture_and_depth(tab):
    slider = tab.locator('#slider')
    assert slider.locator('img').count() == 2
    before, after = (slider.locator('img').nth(k).get_attribute('src') for k in (0, 1))
    assert before.endswith('.jpg') and after.endswith('color_0.5-40m.png')
    handle, box = slider.locator('.inner').first, slider.locator('.slider-wrap, .wrap').first.bounding_box()
    start = handle.bounding_box()
    tab.mouse.move(start['x'] + start['width'] / 2, start['y'] + start['height'] / 2)
    tab.mouse.down()
    tab.mouse.move(start['x'] - box['width'] / 4, start['y'] + start['height'] / 2, steps=4)
    tab.mouse.up()
    assert handle.bounding_box()['x'] < start['x'] - box['width'] / 8


def test_the_cloud_is_drawn(tab):
    canvas = tab.locator('#cloud canvas')
    canvas.wait_for()
    tab.wait_for_timeout(3000)
    drawn = cv2.imdecode(np.frombuffer(canvas.screenshot(timeout=PATIENCE_MS), np.uint8), cv2.IMREAD_COLOR)
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 100  # of the picture's many colours


def test_a_wrong_range_is_a_sentence_on_the_page(tab):
    far = tab.get_by_label('Far, m')
    far.fill('0.1')
    far.press('Enter')
    tab.get_by_text('is no range: choose 0 < near < far').first.wait_for()
    far.fill('40')
    far.press('Enter')


def test_another_range_is_another_picture(tab, z_m):
    """Not one that the browser kept of the same name."""
    far = tab.get_by_label('Far, m')
    far.fill('15')
    far.press('Enter')
    tab.locator('#depth img[src$="color_0.5-15m.png"]').wait_for()
    tab.wait_for_function("document.querySelector('#depth img').complete")
    np.testing.assert_array_equal(shown(tab), colourise(z_m, 0.5, 15.0))
    far.fill('40')
    far.press('Enter')
    tab.locator('#depth img[src$="color_0.5-40m.png"]').wait_for()


def test_the_browser_asked_nobody_else(tab, asked):
    addresses = [url for url in asked if not url.startswith(('data:', 'blob:'))]
    assert len(addresses) > 20
    assert [url for url in addresses if not url.startswith('http://127.0.0.1:')] == []
