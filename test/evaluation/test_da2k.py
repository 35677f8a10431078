# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""DA-2K on annotations made by hand: which side wins, ties, the two means, and the size that points refer to."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from dav2_ros.evaluation.da2k import (
    AnnotatedPicture,
    AnnotationError,
    PointPair,
    gather,
    judge_picture,
    read_annotations,
    to_json,
)
from dav2_ros.image.resize import ResizePlan

NEAR, FAR = (1, 2), (5, 7)  # row, column
CLOSER = np.zeros((8, 10), np.float32)  # a disparity in which NEAR is closer
CLOSER[NEAR], CLOSER[FAR] = 2.0, 1.0


def picture(*pairs: PointPair, name: str = 'images/indoor/a.jpg') -> AnnotatedPicture:
    return AnnotatedPicture(name, pairs or (PointPair((NEAR, FAR), 0),))


@pytest.mark.parametrize('closer', [0, 1])
def test_the_larger_disparity_and_the_smaller_depth_are_closer(closer):
    pair = PointPair((NEAR, FAR), 0) if closer == 0 else PointPair((FAR, NEAR), 1)
    for kind, right in (('relative', 1), ('metric', 0)):
        assert judge_picture(CLOSER, picture(pair), kind=kind).right == right
        assert judge_picture(-CLOSER, picture(pair), kind=kind).right == 1 - right


def test_a_tie_is_wrong_and_so_is_the_unknown():
    flat = np.ones((8, 10), np.float32)
    for kind in ('relative', 'metric'):
        score = judge_picture(flat, picture(), kind=kind)
        assert (score.right, score.ties, score.pairs) == (0, 1, 1)
        for level in (np.nan, np.inf):
            unknown = np.full((8, 10), level, np.float32)
            assert judge_picture(unknown, picture(), kind=kind).right == 0
    metres = np.where(np.isclose(CLOSER, 2.0), 3.0, np.inf)  # everything else is beyond range
    assert judge_picture(metres, picture(), kind='metric').right == 1


def test_every_pair_counts_once_in_the_mean_and_every_scene_once_in_the_other():
    wrong = PointPair((NEAR, FAR), 1)
    right = PointPair((NEAR, FAR), 0)
    names = {
        'images/indoor/a.jpg': (right,) * 6,
        'images/aerial/b.jpg': (wrong, wrong),
        'images/indoor/c.jpg': (wrong,),
    }
    score = gather(judge_picture(CLOSER, picture(*pairs, name=name), kind='relative') for name, pairs in names.items())
    assert [(s.scene, s.pairs, s.right) for s in score.scenes] == [('indoor', 7, 6), ('aerial', 2, 0)]
    assert (score.total.pairs, score.total.right) == (9, 6)
    assert score.total.accuracy == pytest.approx(6 / 9)
    assert score.mean_of_scenes == pytest.approx((6 / 7 + 0) / 2)
    assert math.isnan(gather([]).total.accuracy)


@pytest.mark.parametrize(
    ('name', 'scene'),
    [
        ('./images/non_real/x.png', 'non_real'),
        ('underwater/deep/x.png', 'underwater'),
        ('garage/x.png', 'garage'),
        ('x.png', 'all'),
    ],
)
def test_the_scene_is_in_the_path(name, scene):
    assert AnnotatedPicture(name, ()).scene == scene


def test_points_are_those_of_the_picture_whatever_the_size_of_the_prediction():
    """Bilinear with corners aligned: on a ramp, depth of any point is that of the ramp."""
    small = np.linspace(0, 1, 6, dtype=np.float32)[None].repeat(4, 0)
    pairs = [PointPair(((0, x + 1), (20, x)), 0) for x in range(49)]
    score = judge_picture(small, AnnotatedPicture('a', tuple(pairs)), kind='relative', size=(30, 50))
    assert score.right == 49
    plan = ResizePlan(30, 50, 4, 6)
    np.testing.assert_allclose(plan.undo(small)[:, 49], 1.0)


def test_a_point_outside_the_picture_is_refused():
    with pytest.raises(AnnotationError, match='10x8'):
        judge_picture(CLOSER, picture(PointPair((NEAR, (8, 0)), 0)), kind='relative')


def test_annotations_are_read_as_they_are_published_and_written_so(tmp_path: Path):
    published = {
        './images/indoor/a.jpg': [{'point1': [1, 2], 'point2': [5, 7], 'closer_point': 'point1'}],
        './images/object/b.jpg': [
            {'point1': [0, 0], 'point2': [3, 3], 'closer_point': 'point1'},
            {'point1': [4, 4], 'point2': [9, 9], 'closer_point': 'point1'},
        ],
    }
    file = tmp_path / 'annotations.json'
    file.write_text(json.dumps(published))
    found = read_annotations(file)
    assert [len(p.pairs) for p in found.values()] == [1, 2]
    assert found['./images/indoor/a.jpg'].pairs[0] == PointPair(((1, 2), (5, 7)), 0)
    assert json.loads(to_json(found.values())) == published
    turned = AnnotatedPicture('c', (PointPair(((1, 2), (3, 4)), 1),))
    assert json.loads(to_json([turned])) == {'c': [{'point1': [3, 4], 'point2': [1, 2], 'closer_point': 'point1'}]}


@pytest.mark.parametrize(
    'text',
    [
        '[]',
        '{',
        '{"a": [{"point1": [1, 2], "point2": [3, 4]}]}',
        '{"a": [{"point1": [1], "point2": [3, 4], "closer_point": "point1"}]}',
        '{"a": [{"point1": [-1, 2], "point2": [3, 4], "closer_point": "point1"}]}',
        '{"a": [{"point1": [1, 2], "point2": [3, 4], "closer_point": "both"}]}',
    ],
)
def test_what_is_no_annotation_is_one_sentence(tmp_path: Path, text: str):
    file = tmp_path / 'annotations.json'
    file.write_text(text)
    with pytest.raises(AnnotationError, match=r'annotations\.json'):
        read_annotations(file)
