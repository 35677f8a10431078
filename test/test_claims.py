# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the documentation claims is no more than what was measured, and what is not shown is called that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / 'README.md', *(ROOT / 'docs').glob('*.md')])
ARMS = ('student_synthetic', 'student_pseudo')
RENDERED = '| 0.098 | 0.915 |'  # of the bundled model on its own kind of scenes


def read(path: str) -> str:
    return ' '.join((ROOT / path).read_text().split())


def test_who_shows_the_bundled_model_on_rendered_scenes_says_what_it_is_on_photographs() -> None:
    pages = [page for page in PAGES if RENDERED in page.read_text()]
    assert {'README.md', 'accuracy.md', 'bundled_model.md'} <= {page.name for page in pages}
    for page in pages:
        text = ' '.join(page.read_text().split()).lower()
        for claim in ('on real photographs', '2 to 4 outdoors', '1.2 to 2.4 indoors', 'than a constant indoors'):
            assert claim in text, f'{page.name}: {claim}'
        assert 'fetch the published weights' in text, page.name


def test_arms_that_differ_in_more_than_their_labels_are_not_compared() -> None:
    """As long as the proof is confounded, its page says so at the top, and beside the table."""
    sets = {arm: yaml.safe_load((ROOT / f'config/training/proof/{arm}.yaml').read_text())['sets'] for arm in ARMS}
    frames = [sum(each['frames'] for each in sets[arm]) for arm in ARMS]
    if frames[0] == frames[1]:
        pytest.skip('the arms have as many pictures: the experiment was redone')
    text = read('docs/reproduction.md')
    top, _, below = text.partition('| stage | command |')
    assert 'Taken back' in top and '0.236' in top and '300 pictures' in top and 'augmentation' in top
    assert 'not shown here' in below and 'Do not read the table as a comparison' in below
    for claim in ('beat exact synthetic depth alone', "the paper's claim.", 'labels taught nothing'):
        assert claim not in text, claim
    assert 'and in nothing else' not in read('training/proof.py')


def test_a_range_of_humble_is_as_readable_as_docs_bags_says(tmp_path: Path) -> None:
    """Its message has no variance there; the page warns as long as it is read by another distribution's definition."""
    pytest.importorskip('rosbags', reason='rosbags is not installed (pip: the extra bags)')
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    from dav2_ros.bags import BagError
    from dav2_ros.bags.reader import BagReader

    store, kind = get_typestore(Stores.ROS2_HUMBLE), 'sensor_msgs/msg/Range'
    header = store.types['std_msgs/msg/Header'](store.types['builtin_interfaces/msg/Time'](1, 2), 'sonar')
    message = store.types[kind](header, 0, np.float32(0.1), np.float32(0.2), np.float32(4.0), np.float32(1.5))
    with Writer(tmp_path / 'bag', version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection('/range', kind, typestore=store)
        writer.write(connection, 1, store.serialize_cdr(message, kind))
    with BagReader(tmp_path / 'bag') as bag:
        (recorded,) = bag.raw('/range')
        try:
            readable = bag.decode(recorded).range == 1.5
        except BagError:
            readable = False
    warns = '`sensor_msgs/Range` of Humble has no `variance` and cannot be read' in read('docs/bags.md')
    assert readable != warns
