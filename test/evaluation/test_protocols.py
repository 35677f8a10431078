# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A protocol compares exactly the pixels that it names, and says so; aligned numbers are blind to what was aligned."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dav2_ros.evaluation.alignment import ALIGNMENTS
from dav2_ros.evaluation.metrics import depth_metrics
from dav2_ros.evaluation.protocols import PROTOCOLS, ProtocolError, protocol

WHOLE = [name for name, each in PROTOCOLS.items() if each.crop is None or each.crop.size is None]


def scene(seed: int, shape: tuple[int, int] = (24, 32)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    true_m = rng.uniform(1.0, 7.5, shape).astype(np.float32)
    return true_m, (1 / true_m * np.exp(0.1 * rng.standard_normal(shape))).astype(np.float32)


@pytest.mark.parametrize(
    ('name', 'shape', 'rows', 'columns'),
    [
        ('kitti_garg', (375, 1242), (153, 371), (44, 1197)),  # 0.40810811 * 375 = 153.04 ...
        ('kitti_garg', (352, 1216), (143, 349), (43, 1172)),
        ('kitti_eigen', (375, 1242), (124, 342), (44, 1197)),
        ('nyu_eigen', (480, 640), (45, 471), (41, 601)),
    ],
)
def test_a_crop_has_exactly_its_pixels(name, shape, rows, columns):
    mask = PROTOCOLS[name].mask(np.full(shape, 5.0, np.float32))
    inside = np.zeros(shape, bool)
    inside[slice(*rows), slice(*columns)] = True
    assert (mask == inside).all()
    assert mask.sum() == (rows[1] - rows[0]) * (columns[1] - columns[0])


def test_pixels_of_another_picture_are_refused():
    with pytest.raises(ProtocolError, match=r'640x480.*320x240'):
        PROTOCOLS['nyu_eigen'].mask(np.ones((240, 320)))


@pytest.mark.parametrize('name', PROTOCOLS)
def test_truth_counts_within_the_range_ends_included(name):
    each = PROTOCOLS[name]
    top = 1e4 if np.isinf(each.max_m) else each.max_m
    shape = each.crop.size if each.crop and each.crop.size else (40, 40)
    for value, counts in (
        (each.min_m, True),
        (top, True),
        (0.99 * each.min_m, False),
        (np.inf, False),
        (np.nan, False),
    ):
        assert PROTOCOLS[name].mask(np.full(shape, value)).any() == counts, value
    if np.isfinite(each.max_m):
        assert not each.mask(np.full(shape, 1.01 * top)).any()


@pytest.mark.parametrize('name', WHOLE)
def test_the_sentence_holds_every_choice(name):
    each = PROTOCOLS[name]
    for kind in ('metric', 'relative'):
        text = each.sentence(kind)
        assert f'{each.min_m:g} m' in text and each.title in text
        assert np.isinf(each.max_m) or f'{each.max_m:g} m' in text
        assert getattr(each, kind) in text or getattr(each, kind) == 'none'
        assert str(each.crop) in text if each.crop else 'whole picture' in text


@given(st.integers(0, 1000), st.floats(0.1, 10.0), st.floats(-2.0, 2.0), st.sampled_from(WHOLE))
def test_aligned_numbers_are_blind_to_factor_and_offset(seed, factor, offset, name):
    true_m, disparity = scene(seed)
    each = PROTOCOLS[name].aligned_by('relative', 'lsq_disparity')
    one = each.judge(disparity, true_m, kind='relative')
    other = each.judge(factor * disparity.astype(np.float64) + offset, true_m, kind='relative')
    assert asdict(other.metrics) == pytest.approx(asdict(one.metrics), rel=1e-6, abs=1e-9)


@given(st.integers(0, 1000))
def test_the_published_loop_is_the_metrics_themselves(seed):
    true_m, disparity = scene(seed)
    found = PROTOCOLS['official_outdoor'].judge(1 / disparity, true_m)
    assert found.metrics == depth_metrics(1 / disparity, true_m, min_m=1e-3, max_m=80.0)
    assert found.coverage == 1.0


def test_clamping_brings_a_wild_prediction_to_the_cap_and_beyond_range_counts_as_the_cap():
    true_m = np.full((375, 1242), 40.0, np.float32)
    for wild in (500.0, np.inf):
        found = PROTOCOLS['kitti_garg'].judge(np.full_like(true_m, wild), true_m)
        assert found.metrics.abs_rel == pytest.approx(1.0)  # 80 m where there are 40
    left = PROTOCOLS['plain']
    assert left.judge(np.full_like(true_m, np.inf), true_m) is None
    half = np.where(np.arange(1242) < 621, true_m, np.inf)
    found = left.judge(half, true_m)
    assert (found.coverage, found.metrics.abs_rel) == (0.5, 0.0)


def test_too_few_pixels_are_no_frame():
    true_m = np.full((4, 5), np.nan)
    true_m.flat[:9] = 2.0
    assert PROTOCOLS['plain'].judge(np.full((4, 5), 2.0), true_m) is None
    true_m.flat[9] = 2.0
    assert PROTOCOLS['plain'].judge(np.full((4, 5), 2.0), true_m).metrics.pixels == 10


def test_ranges_add_up_to_the_whole():
    true_m, disparity = scene(3)
    found = PROTOCOLS['plain'].judge(1 / disparity, true_m)
    total = found.ranges.total()
    assert total.pixels == found.metrics.pixels
    assert total.abs_rel == pytest.approx(found.metrics.abs_rel)
    assert total.rmse == pytest.approx(found.metrics.rmse)


def test_a_name_that_there_is_not_is_one_sentence():
    with pytest.raises(ProtocolError, match='kitti_garg'):
        protocol('kiti')


def test_the_documentation_tells_every_protocol_and_every_alignment():
    text = (Path(__file__).parents[2] / 'docs' / 'evaluation.md').read_text()
    rows = [[cell.strip().strip('`') for cell in line.split('|')[1:-1]] for line in text.splitlines() if '| `' in line]
    told = {row[0]: row[1:] for row in rows}
    assert set(told) == set(PROTOCOLS) | set(ALIGNMENTS)
    for name, each in PROTOCOLS.items():
        title, limits, part, relative, metric = told[name]
        to = f'from {each.min_m:g}' if np.isinf(each.max_m) else f'{each.min_m:g} to {each.max_m:g}'
        assert (title, limits, relative, metric) == (each.title, to, each.relative, each.metric)
        assert (part == 'all') == (each.crop is None)
        assert each.crop is None or each.crop.size is None or part == str(each.crop)
    assert {name: told[name][0] for name in ALIGNMENTS} == ALIGNMENTS
    assert [name for name, each in PROTOCOLS.items() if not each.clamps] == list(PROTOCOLS)[-3:]
    assert [name for name, each in PROTOCOLS.items() if each.far == 'leave'] == ['plain']
