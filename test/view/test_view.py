# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `dav2 view` writes is read back with Rerun's own reader and compared with what was shown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from dav2_ros.bags import DEMO_BAG
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.camera import Camera
from dav2_ros.cloud.cloud import make_cloud
from dav2_ros.commands.app import app
from dav2_ros.frames import DepthMap
from dav2_ros.view.scene import RerunScene, TimelineFrame
from dav2_ros.view.timeline import _by_stamp

ROOT = Path(__file__).parents[2]
chunk = pytest.importorskip('rerun.chunk', reason='Rerun is not installed (pip: the extra view)')


def read(path: Path) -> dict[str, list[dict]]:
    """Return the rows of each entity, in order, with Rerun's names."""
    rows: dict[str, list[dict]] = {}
    for each in chunk.RrdReader(path).stream().to_chunks():
        rows.setdefault(each.entity_path, []).extend(each.to_record_batch().to_pylist())
    for each in rows.values():
        each.sort(key=lambda row: row.get('moment') or 0)
    return rows


def moment(number: int) -> TimelineFrame:
    z_m = np.linspace(1, 50, 20 * 30, dtype=np.float32).reshape(20, 30) + number
    z_m[0, 0], z_m[1, 1] = np.nan, np.inf
    rgb = np.random.default_rng(number).integers(0, 255, (20, 30, 3), np.uint8)
    depth = DepthMap(z_m, Camera.from_hfov(30, 20, 1.0), 1_700_000_000_123_456_789 + number * 33_000_000)
    return TimelineFrame(depth, rgb, {'latency_ms': 20.0 + number})


def test_a_file_holds_what_was_shown(tmp_path):
    shown = [moment(number) for number in range(3)]
    with RerunScene('test', tmp_path / 'a.rrd', (0.5, 40.0), stride=1) as scene:
        for each in shown:
            scene.show(each)
    assert [path.name for path in tmp_path.iterdir()] == ['a.rrd']
    rows = read(tmp_path / 'a.rrd')
    for number, each in enumerate(shown):
        depth, points = rows['/world/camera/depth'][number], rows['/world/points'][number]
        assert depth['stamp'].value == each.depth.stamp_ns
        z_mm = cv2.imdecode(np.frombuffer(bytes(depth['EncodedDepthImage:blob'][0]), np.uint8), cv2.IMREAD_UNCHANGED)
        assert z_mm.dtype == np.uint16
        near = np.isfinite(each.depth.z_m)
        assert np.abs(z_mm[near] - 1000 * each.depth.z_m[near]).max() < 0.51
        assert (z_mm[~near] == 0).all()
        cloud = make_cloud(each.depth, each.rgb, organised=False).reshape(-1)
        assert np.allclose(points['Points3D:positions'], np.stack([cloud[axis] for axis in 'xyz'], -1))
        rgba = np.array(points['Points3D:colors'], np.uint32)
        packed = np.ascontiguousarray(cloud['rgb']).view(np.uint32)  # 0x00RRGGBB; Rerun's is 0xRRGGBBAA
        assert np.array_equal(rgba >> 8, packed & 0xFFFFFF)
        pinhole = np.array(rows['/world/camera'][number]['Pinhole:image_from_camera'][0]).reshape(3, 3).T
        assert np.allclose(pinhole, each.depth.camera.k)
        assert rows['/numbers/latency_ms'][number]['Scalars:scalars'] == [20.0 + number]


def test_without_a_camera_there_is_depth_and_no_cloud(tmp_path):
    with RerunScene('test', tmp_path / 'a.rrd', (0.5, 40.0)) as scene:
        scene.show(TimelineFrame(DepthMap(moment(0).depth.z_m)))
    rows = read(tmp_path / 'a.rrd')
    assert '/world/camera/depth' in rows
    assert '/world/points' not in rows and '/world/camera/image' not in rows


def test_what_fails_leaves_no_file(tmp_path):
    with pytest.raises(RuntimeError), RerunScene('test', tmp_path / 'a.rrd', (0.5, 40.0)) as scene:
        scene.show(moment(0))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_pairing_reads_no_further_than_it_must_and_forgets_nothing_near():
    drawn = []

    def items():
        for at in range(0, 1000, 10):
            drawn.append(at)
            yield at, f'item {at}'

    find = _by_stamp(items())
    assert find(40) == 'item 40'
    assert drawn[-1] == 40
    assert find(45) is None
    assert find(50) == 'item 50'
    assert find(30) == 'item 30'  # late, but still there
    assert find(5000) is None


def test_a_recording_is_shown_with_its_own_depth_or_estimated(tmp_path, random_model):
    def run(*args: object):
        return CliRunner().invoke(app, ['view', str(DEMO_BAG), '--most', '3', *map(str, args)])

    assert run('--save', tmp_path / 'own.rrd').exit_code == 0
    assert run('--save', tmp_path / 'estimated.rrd', '--model', random_model, '--engine', 'torch').exit_code == 0
    with BagReader(DEMO_BAG) as bag:
        recorded = [depth for _, depth in zip(range(3), bag.depths())]
    own, estimated = read(tmp_path / 'own.rrd'), read(tmp_path / 'estimated.rrd')
    for rows in (own, estimated):
        assert len(rows['/world/camera/image']) == 3
        stamps = [row['stamp'].value for row in rows['/world/camera/depth']]
        assert stamps == [depth.stamp_ns for depth in recorded]
    medians = [np.median(depth.z_m[::4, ::4][np.isfinite(depth.z_m[::4, ::4])]) for depth in recorded]
    assert np.allclose([row['Scalars:scalars'][0] for row in own['/numbers/median_z_m']], medians)
    assert all(row['Scalars:scalars'][0] > 0 for row in estimated['/numbers/engine_ms'])


@pytest.mark.parametrize(
    ('name', 'words'),
    [('nothing.mp4', 'There is nothing at'), ('empty', 'holds no picture'), ('text.jpg', 'not a whole picture')],
)
def test_what_cannot_be_seen_is_one_sentence(tmp_path, random_model, name, words):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'text.jpg').write_text('no picture')
    save = tmp_path / 'a.rrd'
    done = CliRunner().invoke(app, ['view', str(tmp_path / name), '--save', str(save), '--model', random_model])
    assert done.exit_code == 1
    assert words in done.stderr and done.stderr.count('\n') == 1
    assert not save.exists()


def test_the_foxglove_layout_shows_topics_that_the_node_publishes():
    text = (ROOT / 'config' / 'dav2.foxglove.json').read_text()
    layout = json.loads(text)

    def panels(node) -> set[str]:
        return {node} if isinstance(node, str) else panels(node['first']) | panels(node['second'])

    assert panels(layout['layout']) == set(layout['configById'])
    readme = (ROOT / 'README.md').read_text()
    for topic in set(re.findall(r'"/([a-z_/]+)', text)) - {'image', 'camera_info', 'diagnostics'}:
        assert f'`{topic}`' in readme, topic
