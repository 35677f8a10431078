# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A report is one file that needs no other, holds what it was given, and gives its numbers back."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from dav2_ros.evaluation.page import Curve, Figure, FramePictures, Plot, Report, ReportTable
from dav2_ros.evaluation.protocols import PROTOCOLS
from dav2_ros.evaluation.report import ReportError, read_data, render, write
from dav2_ros.evaluation.tables import number, percent, write_csv
from dav2_ros.files.atomic import plain, write_json, write_whole

pytest.importorskip('jinja2', reason='reports need the extra report')
pytest.importorskip('matplotlib', reason='reports need the extra report')
from dav2_ros.evaluation import charts

SLY = '</script><script>alert(1)</script> & "quoted" <b>'
DATA = {'models': [{'name': SLY, 'abs_rel': 0.125, 'rmse': math.nan, 'frames': 3}], 'note': 'δ1'}


def frame(truth_share: float = 1.0) -> FramePictures:
    rng = np.random.default_rng(0)
    true_m = np.linspace(1, 30, 60 * 80).reshape(60, 80).astype(np.float32)
    true_m[rng.random((60, 80)) >= truth_share] = np.nan
    rgb = rng.integers(0, 255, (60, 80, 3), np.uint8)
    return FramePictures(f'frame 7 {SLY}', rgb, true_m, np.linspace(1, 33, 60 * 80).reshape(60, 80))


@pytest.fixture(scope='module')
def page() -> str:
    x = np.arange(5.0) + 1
    lines = (Curve('one', x, x / 10), Curve('other', x, np.array([0.1, np.nan, 0.3, 0.2, 0.5])))
    return render(
        Report(
            f'Title {SLY}',
            'what it is about',
            (Figure('AbsRel', '0.125', 'mean'),),
            (ReportTable('All', ('model', 'AbsRel'), ((SLY, '0.125'),), note='a note'),),
            (
                Plot('By distance', 'metres', 'error', lines, log_x=True, percent=True, markers=True),
                Plot('Over time', 's', 'scale', lines[:1], level=1.0),
            ),
            (frame(), frame(0.01)),
            protocol=(PROTOCOLS['kitti_garg'].sentence(),),
            options=(('engine', SLY),),
            data=DATA,
        )
    )


class Parsed(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ''
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def test_it_needs_nothing_from_outside(page):
    without_pictures = re.sub(r'data:image/jpeg;base64,[A-Za-z0-9+/=]+', '', page)
    assert not re.search(r'https?:|//[a-z]', without_pictures)
    for tag, attributes in Parsed(page).tags:
        assert tag not in ('link', 'iframe', 'object', 'embed', 'base')
        for name in ('src', 'href', 'xlink:href', 'srcset', 'data'):
            if name in attributes:
                assert attributes[name].startswith(('data:image/', '#')), (tag, attributes[name][:60])
    assert not re.search(r'@import|url\((?!#)', page)


def test_it_runs_no_script_whatever_the_names_are(page):
    scripts = [attributes for tag, attributes in Parsed(page).tags if tag == 'script']
    assert scripts == [{'type': 'application/json', 'id': 'data'}]
    assert not [tag for tag, attributes in Parsed(page).tags if any(name.startswith('on') for name in attributes)]
    assert Parsed(page).text.count('alert(1)') >= 4  # title, table, options, captions: as words


def test_it_holds_what_it_was_given(page):
    text = Parsed(page).text
    for words in ('what it is about', 'AbsRel', '0.125', 'a note', 'By distance', 'Over time', 'metres', 'other',
                  PROTOCOLS['kitti_garg'].sentence(), 'engine'):  # fmt: skip
        assert words in text, words
    tags = [tag for tag, _ in Parsed(page).tags]
    assert tags.count('svg') == 2
    assert tags.count('img') == 2 * 4 + 2  # two frames and the two scales


def test_it_gives_its_numbers_back(page, tmp_path: Path):
    wanted = json.loads(json.dumps(plain(DATA)))
    assert read_data(page) == wanted
    assert wanted['models'][0] == {'name': SLY, 'abs_rel': 0.125, 'rmse': None, 'frames': 3}
    write(Report('t', 's', data=DATA), tmp_path / 'new' / 'report.html')
    assert read_data((tmp_path / 'new' / 'report.html').read_text()) == wanted
    assert [p.name for p in (tmp_path / 'new').iterdir()] == ['report.html']
    with pytest.raises(ReportError):
        read_data('<html></html>')


def test_names_inside_the_page_are_unique_and_every_reference_has_its_target(page):
    parsed = Parsed(page)
    ids = [attributes['id'] for _, attributes in parsed.tags if 'id' in attributes]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', page))
    assert used and {a or b for a, b in used} <= set(ids)


def test_the_page_has_a_dark_side_and_curves_use_its_colours(page):
    svg = ''.join(re.findall(r'<svg.*?</svg>', page, re.DOTALL))
    assert 'prefers-color-scheme: dark' in page
    assert set(re.findall(r'#[0-9a-f]{6}\b', svg)) <= {'#000000'}
    assert {'var(--s0)', 'var(--s1)', 'var(--ink)', 'var(--faint)'} <= set(re.findall(r'var\(--\w+\)', svg))


def picture(url: str) -> np.ndarray:
    data = base64.b64decode(url.removeprefix('data:image/jpeg;base64,'))
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)


def test_panels_are_pictures_of_one_shape_and_few_points_are_seen():
    for share in (1.0, 0.01):
        shapes = [picture(url).shape for _, url in charts.panels(frame(share), (0.5, 40.0))]
        assert set(shapes) == {(270, 360, 3)}
    sparse = charts.drawable(frame(0.01).true_m, (360, 270))
    known = np.isfinite(frame(0.01).true_m)
    assert 5 * known.sum() < np.isfinite(sparse).sum() <= 9 * known.sum()
    values = set(frame(0.01).true_m[known].tolist())
    assert set(sparse[np.isfinite(sparse)].tolist()) <= values  # nothing between them was invented


def test_error_is_signed_and_painted_blue_too_near_red_too_far():
    error = charts.signed_error(np.array([[1.0, 2.0, 3.0, np.inf, 1.0]]), np.array([[2.0, 2.0, 2.0, 2.0, np.nan]]))
    np.testing.assert_allclose(error, [[-0.5, 0.0, 0.5, np.nan, np.nan]])
    near, right, far, beyond, unknown = charts.paint_error(error)[0].astype(int)
    assert near[2] > near[0] + 40 and far[0] > far[2] + 40 and right.min() > 230
    assert not beyond.any() and not unknown.any()


class TestResults:
    def test_json_knows_no_nan_and_files_are_whole(self, tmp_path: Path):
        @dataclasses.dataclass(frozen=True)
        class Both:
            a: float
            b: tuple[np.ndarray, Path]

        value = {'x': Both(np.float32(np.inf), (np.arange(2), Path('p'))), 3: np.int64(4), 'yes': True}
        write_json(tmp_path / 'a.json', value)
        assert json.loads((tmp_path / 'a.json').read_text()) == {
            'x': {'a': None, 'b': [[0, 1], 'p']}, '3': 4, 'yes': True
        }  # fmt: skip
        with pytest.raises(UnicodeEncodeError):
            write_whole(tmp_path / 'a.json', 'half \ud800')
        assert json.loads((tmp_path / 'a.json').read_text())['yes']
        assert [p.name for p in tmp_path.iterdir()] == ['a.json']

    def test_an_unknown_number_is_an_empty_cell_or_a_dash(self, tmp_path: Path):
        write_csv(tmp_path / 'a.csv', ('name', 'x'), [('a,b', 0.1), ('c', math.nan), ('d', np.float32(2))])
        assert (tmp_path / 'a.csv').read_text() == 'name,x\n"a,b",0.1\nc,\nd,2\n'
        assert (number(1.23456), percent(0.123)) == ('1.2346', '12.3 %')
        assert number(math.nan) == percent(math.inf) == '\u2013'
