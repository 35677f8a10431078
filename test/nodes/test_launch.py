# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The launch files under the real `ros2 launch`, from an install prefix laid out as CMakeLists.txt does.

launch, launch_ros and ros2cli are not on PyPI: without a ROS installation put their sources on PYTHONPATH
(CONTRIBUTING.md tells how).
"""

from __future__ import annotations

import os
import runpy
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
for _module in ('launch_ros', 'ros2launch'):
    pytest.importorskip(_module, reason=f'{_module} comes with ROS 2; it is not on PyPI')

# ruff: noqa: E402
from graph.peer import PATIENCE_S, RELIABLE, Peer, a_picture, qos
from launch.actions import DeclareLaunchArgument
from sensor_msgs.msg import CameraInfo, Image

import dav2_ros
from dav2_ros.parameter import definitions
from dav2_ros.parameters.node import DepthNodeParameters

ROOT = Path(__file__).parents[2]
ROS2 = 'import sys; from ros2cli.cli import main; sys.exit(main())'
LAUNCHER = '#!/usr/bin/env python3\nfrom dav2_ros.nodes.{0} import main\n\nraise SystemExit(main())\n'


@pytest.fixture(scope='session')
def prefix(tmp_path_factory) -> Path:
    """Lay out what CMake installs (CMakeLists.txt): share, launchers, and the marker of the ament index."""
    prefix = tmp_path_factory.mktemp('prefix')
    share, lib = prefix / 'share/dav2_ros', prefix / 'lib/dav2_ros'
    for folder in (share, lib, prefix / 'share/ament_index/resource_index/packages'):
        folder.mkdir(parents=True)
    (prefix / 'share/ament_index/resource_index/packages/dav2_ros').touch()
    shutil.copy(ROOT / 'package.xml', share)
    for folder in ('launch', 'config'):
        shutil.copytree(ROOT / folder, share / folder, ignore=shutil.ignore_patterns('__pycache__'))
    for node in (ROOT / 'dav2_ros/nodes').glob('*_node.py'):
        launcher = lib / node.stem
        launcher.write_text(LAUNCHER.format(node.stem))
        launcher.chmod(0o755)
    return prefix


class Launched:
    """`ros2 launch dav2_ros ...` in a session of its own: it and its nodes are one group, that one signal reaches."""

    def __init__(self, prefix: Path, folder: Path, *arguments: str) -> None:
        paths = {
            'AMENT_PREFIX_PATH': [prefix, os.environ.get('AMENT_PREFIX_PATH'), sys.prefix],
            'PYTHONPATH': [Path(dav2_ros.__file__).parents[1], os.environ.get('PYTHONPATH')],
            'PATH': [Path(sys.executable).parent, os.environ['PATH']],
        }
        environment = os.environ | {name: os.pathsep.join(str(p) for p in parts if p) for name, parts in paths.items()}
        environment |= {'ROS_LOG_DIR': str(folder), 'OMP_WAIT_POLICY': 'PASSIVE', 'PYTHONUNBUFFERED': '1'}
        self._log = folder / 'launch.txt'
        with open(self._log, 'w') as log:
            self.process = subprocess.Popen(
                [sys.executable, '-c', ROS2, 'launch', 'dav2_ros', *arguments],
                stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=folder, start_new_session=True,
            )  # fmt: skip

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait(self, patience_s: float = PATIENCE_S) -> int:
        return self.process.wait(patience_s)

    def interrupt(self) -> int:
        """Press Ctrl-C: every process of the group gets it, and launch, without a terminal, sends the node another."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.wait()

    def has_processes(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def close(self) -> None:
        if self.has_processes():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def launch(prefix, graph, tmp_path):
    """Yield a function that launches; nothing outlives the test."""
    opened = []

    def launch(*arguments: str) -> Launched:
        folder = tmp_path / str(len(opened))
        folder.mkdir()
        opened.append(Launched(prefix, folder, *arguments))
        return opened[-1]

    yield launch
    for each in opened:
        each.close()


@pytest.fixture
def peer(graph):
    opened = []

    def peer(namespace: str, image: str, camera_info: str) -> Peer:
        each = Peer(graph, namespace)
        each.image = each.node.create_publisher(Image, image, qos(RELIABLE))
        each.info = each.node.create_publisher(CameraInfo, camera_info, qos(RELIABLE))
        opened.append(each)
        return each

    yield peer
    for each in opened:
        each.close()


def test_a_camera_topic_becomes_depth_and_ctrl_c_ends_it(launch, peer, random_model):
    """The command of the README, in a namespace."""
    launched = launch(
        'depth.launch.py', 'image:=/rig/front/image_raw', 'namespace:=launched/one', f'model:={random_model}'
    )
    camera = peer('/launched/one', '/rig/front/image_raw', '/rig/front/camera_info')
    camera.wait_for_state('active')
    camera.only('depth/image', 'depth/camera_info', 'points')
    answer = camera.show(a_picture())
    assert answer['depth/image'].header.frame_id == 'camera_optical_frame'
    assert answer['points'].width == 64  # so camera_info came too

    assert launched.interrupt() == 0
    assert 'process has finished cleanly' in launched.log
    assert 'Traceback' not in launched.log
    assert not launched.has_processes()


def test_the_command_line_wins_over_the_file_and_the_file_over_the_defaults(launch, peer, random_model, tmp_path):
    """Also where the file names the node itself, which ROS ranks above a wildcard."""
    file = tmp_path / 'mine.yaml'
    every = {'colour_far_m': 12.0, 'min_range_m': 0.25, 'max_range_m': 9.0, 'cloud_stride': 3}
    this = {'cloud_stride': 4, 'max_range_m': 8.0, 'depth_stride': 2}
    file.write_text(yaml.dump({'/**': {'ros__parameters': every}, '/launched/two/depth': {'ros__parameters': this}}))
    launch(
        'depth.launch.py', 'namespace:=/launched/two', 'image:=image', f'params_file:={file}', f'model:={random_model}',
        'max_range_m:=7', 'depth_stride:=5', 'colour_near_m:=1', 'autostart:=false', 'use_sim_time:=true',
    )  # fmt: skip
    node = peer('/launched/two', 'image', 'camera_info')
    node.wait_for_state('unconfigured')
    wanted = {
        each.name: list(each.default) if each.default == () else each.default
        for each in definitions(DepthNodeParameters).values()
    }
    wanted |= every | this
    wanted |= {'max_range_m': 7.0, 'depth_stride': 5, 'colour_near_m': 1.0, 'autostart': False}
    wanted |= {'model': str(random_model), 'use_sim_time': True}
    found = {name: node.get(name) for name in wanted}
    assert found == wanted
    assert {name: type(value) for name, value in found.items()} == {n: type(v) for n, v in wanted.items()}


def test_a_node_of_another_name_listens_to_the_camera_info_it_was_given(launch, peer, random_model):
    launch(
        'depth.launch.py', 'name:=eyes', 'namespace:=/launched/three', f'model:={random_model}',
        'image:=/rig/left/image', 'camera_info:=/rig/left/info', 'input_transport:=compressed',
    )  # fmt: skip
    graph = peer('/launched/three', 'image', 'camera_info').node
    node = peer('/launched/three', 'image', 'camera_info')
    node.until(lambda: ('eyes', '/launched/three') in graph.get_node_names_and_namespaces(), 'node eyes')
    node.subscribe('depth/image')
    node.until(lambda: graph.count_subscribers('/rig/left/image/compressed'), 'subscription of the compressed image')
    assert graph.count_subscribers('/rig/left/info') == 1
    assert graph.count_subscribers('/rig/left/image') == 0


def test_many_cameras_have_one_node_that_listens_to_each(launch, peer, random_model):
    launched = launch(
        'cameras.launch.py', 'cameras:=[front,rear]', 'image:=/rig/{camera}/image_raw', 'namespace:=/launched/many',
        f'model:={random_model}', 'cloud_stride:=2',
    )  # fmt: skip
    cameras = [
        peer(f'/launched/many/{name}', f'/rig/{name}/image_raw', f'/rig/{name}/camera_info')
        for name in ('front', 'rear')
    ]
    for camera in cameras:
        camera.until(lambda camera=camera: camera.node.count_publishers(f'{camera.namespace}/points'), 'the node')
        camera.only('depth/image', 'points')
    for camera in cameras:
        answer = camera.show(a_picture())
        assert answer.z_m.shape == (48, 64) and answer['points'].width == 32
    nodes = cameras[0].node.get_node_names_and_namespaces()
    assert [node for node in nodes if node[1].startswith('/launched/many') and node[0] != 'peer'] == [
        ('depth', '/launched/many')
    ]
    assert launched.interrupt() == 0
    assert 'Traceback' not in launched.log and not launched.has_processes()


@pytest.mark.parametrize(
    ('arguments', 'says'),
    [
        (['image:=/cam/image_raw/compressed'], 'image:=/cam/image_raw input_transport:=compressed'),
        (['max_range_m:=far'], "'far'"),
        (['params_file:=nowhere.yaml'], 'nowhere.yaml is not a file'),
        (['cameras:=front'], 'cameras:=[front,rear]'),
        (['cameras:=[front,rear]', 'image:=/image_raw'], 'put {camera} where'),
    ],
)
def test_a_bad_argument_ends_the_launch_and_is_named(launch, arguments, says):
    launched = launch('depth.launch.py', *arguments)
    assert launched.wait() != 0
    assert says in launched.log


class TestArguments:
    """What `--show-args` prints."""

    def description(self, file: str):
        return runpy.run_path(str(ROOT / 'launch' / file))['generate_launch_description']()

    @pytest.mark.parametrize('file', sorted(path.name for path in (ROOT / 'launch').glob('*.launch.py')))
    def test_every_argument_is_described_and_may_be_left_out(self, file):
        for argument in self.description(file).get_launch_arguments():
            assert isinstance(argument, DeclareLaunchArgument)
            assert len(argument.description.split()) > 2, argument.name
            assert argument.description.endswith('.'), argument.name
            assert argument.default_value is not None, argument.name

    def test_every_parameter_of_the_node_is_an_argument(self):
        arguments = {argument.name for argument in self.description('depth.launch.py').get_launch_arguments()}
        assert arguments >= set(definitions(DepthNodeParameters))
        assert arguments >= {'image', 'camera_info', 'namespace', 'name', 'params_file', 'use_sim_time', 'rviz'}

    def test_the_topics_of_each_camera_carry_its_name(self):
        topics_of = runpy.run_path(str(ROOT / 'launch/depth.launch.py'))['topics_of']
        assert topics_of({'image': '/a/{camera}/image_raw', 'cameras': '[front, rear]'}) == [
            ('front/image', '/a/front/image_raw'),
            ('front/camera_info', '/a/front/camera_info'),
            ('rear/image', '/a/rear/image_raw'),
            ('rear/camera_info', '/a/rear/camera_info'),
        ]

    @pytest.mark.parametrize(
        ('image', 'camera_info'),
        [
            ('image', 'camera_info'),
            ('/image', '/camera_info'),
            ('/camera/image_raw', '/camera/camera_info'),
            ('camera/image_raw', 'camera/camera_info'),
            ('/a/b/color/image_rect', '/a/b/color/camera_info'),
        ],
    )
    def test_camera_info_is_beside_the_image(self, image, camera_info):
        """image_transport, camera_common.cpp, getCameraInfoTopic."""
        assert runpy.run_path(str(ROOT / 'launch/depth.launch.py'))['camera_info_of'](image) == camera_info


def test_the_demo_plays_the_bundled_recording_once_and_ends(launch, peer, random_model):
    launched = launch('demo.launch.py', 'loop:=false', 'namespace:=/launched/demo', f'model:={random_model}')
    audience = peer('/launched/demo', 'image', 'camera_info')
    audience.subscribe('depth/image', 'points')
    audience.until(lambda: all(audience.received.values()), 'depth and a cloud')  # it waits for an audience to begin
    assert audience.received['depth/image'][0].header.frame_id == 'camera_optical_frame'
    audience.until(lambda: launched.process.poll() is not None, 'the end of the launch')
    assert launched.wait() == 0
    assert launched.log.count('process has finished cleanly') == 2
    audience.until(lambda: not launched.has_processes(), 'the end of what the node had started')


def test_rviz_shows_topics_that_the_node_has():
    """RViz runs in the node's namespace with the node's remappings: its topics are relative, as the node's are."""
    displays = yaml.safe_load((ROOT / 'config/dav2.rviz').read_text())['Visualization Manager']['Displays']
    topics = {each['Topic']['Value'] for each in displays if 'Topic' in each}
    assert topics == {'image', 'depth/color', 'points'}
