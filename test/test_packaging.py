# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What pip and colcon are told about the package is true, and both build the same message."""

from __future__ import annotations

import ast
import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import import_module, metadata, util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MESSAGE = 'dav2_ros/msg/InferenceStats'
MESSAGES = sorted(path.stem for path in (ROOT / 'msg').glob('*.msg'))
ROSDEP_OF = {'cv2': 'python3-opencv', 'numpy': 'python3-numpy', 'yaml': 'python3-yaml'}
ENGINES_OF_PIP = {'torch', 'onnxruntime', 'tensorrt', 'openvino'}


def test_the_floor_is_what_is_promised():
    """`make test-floor` pins exactly the lower bounds of pyproject.toml."""
    text = (ROOT / 'pyproject.toml').read_text()
    pins = re.findall(r'^([\w-]+)==(\S+)', (ROOT / '.ci/floor-requirements.txt').read_text(), re.MULTILINE)
    core = re.findall(r'"([\w-]+)>=', text[text.index('dependencies = [') : text.index(']\n\n[project.optional')])
    assert {name for name, _ in pins} >= set(core)
    for name, version in pins:
        for bound in re.findall(rf'"{name}>=([\d.]+)', text):
            assert f'{version}.'.startswith(f'{bound}.'), f'{name}>={bound} is promised, {version} is tried'


has_message = pytest.mark.skipif(
    util.find_spec('rclpy') is None or util.find_spec('dav2_ros.msg') is None,
    reason='dav2_ros.msg is not built: pip install -e ".[ros]" where there are ROS 2 wheels, or colcon build',
)


@pytest.fixture(scope='module')
def told_to_setuptools() -> dict:
    """Packages, version, extras and scripts as setup.py and pyproject.toml state them."""
    program = """
import json
from distutils.core import run_setup
d = run_setup('setup.py', stop_after='init')
d.parse_config_files()
print(json.dumps([d.packages, d.get_version(), d.extras_require, d.entry_points['console_scripts']]))
"""
    env = {**os.environ, 'DAV2_ROS_NO_MSG': '1'}
    done = subprocess.run([sys.executable, '-c', 'import setuptools' + program], cwd=ROOT, env=env, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return dict(
        zip(('packages', 'version', 'extras', 'scripts'), json.loads(done.stdout.splitlines()[-1]), strict=True)
    )


@pytest.fixture(scope='module')
def package_xml():
    """package.xml, read as strictly as colcon and rosdep read it."""
    package = pytest.importorskip('catkin_pkg.package', reason='catkin_pkg is not installed (pip extra: test)')
    warnings = []
    parsed = package.parse_package(str(ROOT), warnings=warnings)
    parsed.validate(warnings=warnings)
    assert warnings == []
    return parsed


def python_folders(folder: str) -> set[str]:
    found = {path.parent for path in (ROOT / folder).rglob('*.py')} - {ROOT / 'dav2_ros/msg'}
    return {path.relative_to(ROOT).as_posix().replace('/', '.') for path in found}


def test_every_folder_with_python_is_a_listed_package(told_to_setuptools):
    real = python_folders('dav2_ros') | {
        re.sub('^training', 'dav2_training', name) for name in python_folders('training')
    }
    assert set(told_to_setuptools['packages']) == real


def test_every_version_is_the_same(told_to_setuptools, package_xml):
    newest = re.search(r'^(\d+\.\d+\.\d+) \(', (ROOT / 'CHANGELOG.rst').read_text(), re.MULTILINE).group(1)
    assert told_to_setuptools['version'] == package_xml.version == newest


def test_setup_cfg_says_what_pyproject_says(told_to_setuptools):
    """It is for tools that do not read pyproject.toml; none of its settings may break an editable installation."""
    config = configparser.ConfigParser()
    config.read(ROOT / 'setup.cfg')
    assert {name: set(config[name]) for name in config.sections()} == {
        'metadata': {'name', 'version', 'description', 'long_description', 'long_description_content_type'},
        'options': {'python_requires'},
    }
    project = (ROOT / 'pyproject.toml').read_text().partition('[project]')[2].partition('\n[')[0]
    ours = config['metadata']
    assert ours['version'] == told_to_setuptools['version']
    for name in ('name', 'version', 'description'):
        assert re.search(rf'^{name} = "(.*)"$', project, re.MULTILINE).group(1) == ours[name]
    assert (
        re.search(r'^requires-python = "(.*)"$', project, re.MULTILINE).group(1) == config['options']['python_requires']
    )
    assert f'readme = "{ours["long_description"].removeprefix("file: ")}"' in project


def test_console_scripts_lead_somewhere(told_to_setuptools):
    for script in told_to_setuptools['scripts']:
        module, function = re.fullmatch(r'\S+ = (\S+):(\S+)', script).groups()
        assert callable(getattr(import_module(module), function)), script


def test_the_ros_wheels_are_pinned_and_never_bring_torch(told_to_setuptools):
    wheels = [
        line for marker, lines in told_to_setuptools['extras'].items() if marker.startswith('ros') for line in lines
    ]
    assert wheels
    assert all('==' in line for line in wheels), wheels
    assert not [line for line in build_wheels() if line.startswith('torch')]


@has_message
def test_the_message_is_compiled_against_what_it_runs_with():
    for line in build_wheels():
        if line.startswith('ros-'):
            name, version = line.split('==')
            assert metadata.version(name) == version


def build_wheels() -> list[str]:
    tree = ast.parse((ROOT / 'message_build/message.py').read_text())
    (value,) = (node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == 'WHEELS')
    return ast.literal_eval(value)


def test_package_xml_is_an_ament_cmake_package_with_an_interface(package_xml):
    assert package_xml.package_format == 3
    assert package_xml.get_build_type() == 'ament_cmake'
    assert [group.name for group in package_xml.member_of_groups] == ['rosidl_interface_packages']


def test_package_xml_names_what_the_nodes_and_launch_files_import(package_xml):
    imported = set()
    for path in [*(ROOT / 'dav2_ros/nodes').glob('*.py'), *(ROOT / 'launch').glob('*.py')]:
        imported |= {name.split('.')[0] for name in imports(path)}
    ours = {'dav2_ros', '__future__'} | sys.stdlib_module_names | ENGINES_OF_PIP
    needed = {ROSDEP_OF.get(name, name) for name in imported - ours}
    declared = {depend.name for depend in package_xml.exec_depends}
    assert needed <= declared


def test_package_xml_leaves_engines_to_pip(package_xml):
    """Rosdep would fail on them, and a robot chooses its engine itself."""
    named = {depend.name for depend in package_xml.exec_depends + package_xml.build_depends}
    assert not [name for name in named if set(re.split('[-_]', name)) & ENGINES_OF_PIP]


def test_cmake_makes_one_launcher_per_node():
    listed = re.search(r'set\(nodes\s([^)]*)\)', (ROOT / 'CMakeLists.txt').read_text()).group(1).split()
    real = [path.stem for path in (ROOT / 'dav2_ros/nodes').glob('*_node.py')]
    assert sorted(listed) == sorted(real)


def test_every_node_has_the_main_that_its_launcher_calls():
    for path in (ROOT / 'dav2_ros/nodes').glob('*_node.py'):
        functions = [node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
        assert 'main' in functions, path


def test_nothing_by_hand_is_called_dav2_ros_msg():
    """The generated package of that name would be laid over it."""
    if not (ROOT / '.git').exists():
        pytest.skip('not a git checkout')
    listed = subprocess.run(
        ['git', 'ls-files', 'dav2_ros'], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert listed
    assert not re.findall(r'^dav2_ros/msg[./].*', listed, re.MULTILINE)


def test_only_nodes_import_the_message():
    for path in [*(ROOT / 'dav2_ros').rglob('*.py'), *(ROOT / 'training').rglob('*.py')]:
        if not {ROOT / 'dav2_ros/nodes', ROOT / 'dav2_ros/msg'} & set(path.parents):
            assert not [name for name in imports(path) if re.match(r'dav2_ros\.msg\b', name)], path


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {node.module, *(f'{node.module}.{alias.name}' for alias in node.names)}
    return names


def test_without_the_message_pip_still_builds_a_whole_wheel(tmp_path):
    """A robot takes the message from colcon; the wheel then holds everything else, and says what it lacks."""
    source = tmp_path / 'source'
    shutil.copytree(
        ROOT, source, ignore=shutil.ignore_patterns('.*', 'build', 'out', 'install', 'log', '*.so', '*.egg-info', 'msg')
    )
    shutil.copytree(ROOT / 'msg', source / 'msg')
    command = [sys.executable, '-m', 'pip', 'wheel', '--no-deps', '--no-build-isolation', '-v', '-w', tmp_path, source]
    done = subprocess.run(
        command, env={**os.environ, 'DAV2_ROS_NO_MSG': '1'}, capture_output=True, text=True, errors='replace'
    )
    assert done.returncode == 0, done.stderr
    assert 'without dav2_ros.msg' in done.stdout + done.stderr
    (wheel,) = tmp_path.glob('*.whl')
    assert wheel.name.endswith('-py3-none-any.whl')
    inside = set(zipfile.ZipFile(wheel).namelist())
    bundled = [path for path in (ROOT / 'dav2_ros').glob('*/bundled/**/*') if path.is_file()]
    pictures = list((ROOT / 'dav2_ros/engines/gate_pictures').iterdir())
    assert pictures
    for path in [*(ROOT / 'dav2_ros').rglob('*.py'), *bundled, *pictures]:
        name = path.relative_to(ROOT).as_posix()
        assert (name in inside) != name.startswith('dav2_ros/msg/'), name
    assert 'dav2_training/__init__.py' in inside


SEND = """
import rclpy
from dav2_ros.msg import InferenceStats
from std_msgs.msg import Empty
rclpy.init()
node = rclpy.create_node('sender')
publisher = node.create_publisher(InferenceStats, 'stats', 1)
message = InferenceStats(model='vitt', frames_received=2**63, median_z_m=float('nan'), latency_ms=12.5)
message.header.frame_id = 'camera'
message.header.stamp.nanosec = 999_999_999
heard = []
node.create_subscription(Empty, 'heard', heard.append, 1)
node.create_timer(0.05, lambda: publisher.publish(message))
while not heard:
    rclpy.spin_once(node, timeout_sec=0.1)
"""

RECEIVE = """
import json, rclpy
from dav2_ros.msg import InferenceStats
from std_msgs.msg import Empty
rclpy.init()
node = rclpy.create_node('receiver')
heard = node.create_publisher(Empty, 'heard', 1)
received = []
node.create_subscription(InferenceStats, 'stats', received.append, 1)
while not (received and heard.get_subscription_count()):
    rclpy.spin_once(node, timeout_sec=0.1)
m = received[0]
(sender,) = node.get_publishers_info_by_topic('stats')
print(json.dumps([m.model, m.frames_received, repr(m.median_z_m), m.latency_ms, m.header.frame_id,
                  m.header.stamp.nanosec, sender.topic_type, str(sender.topic_type_hash)]))
heard.publish(Empty())
heard.wait_for_all_acked(rclpy.duration.Duration(seconds=5))
"""


@has_message
def test_two_processes_exchange_the_message_with_the_hash_that_rosbags_computes():
    rosbags = pytest.importorskip('rosbags.typesys', reason='rosbags is not installed (pip extra: bags)')
    env = {
        **os.environ,
        'ROS_DOMAIN_ID': str(1 + os.getpid() % 100),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
    }
    sender = subprocess.Popen([sys.executable, '-c', SEND], env=env)
    try:
        done = subprocess.run([sys.executable, '-c', RECEIVE], env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        *fields, topic_type, type_hash = json.loads(done.stdout)
        assert fields == ['vitt', 2**63, 'nan', 12.5, 'camera', 999_999_999]
        assert topic_type == MESSAGE
        assert sender.wait(timeout=30) == 0
    finally:
        sender.kill()

    store = rosbags.get_typestore(rosbags.Stores.ROS2_KILTED)
    store.register(rosbags.get_types_from_msg((ROOT / 'msg/InferenceStats.msg').read_text(), MESSAGE))
    assert type_hash == store.hash_rihs01(MESSAGE)


@has_message
@pytest.mark.parametrize('name', MESSAGES)
def test_the_message_in_use_is_the_one_in_the_tree(name):
    """A stale build has other fields than the definition."""
    message = getattr(import_module('dav2_ros.msg'), name)
    text = re.sub('#.*', '', (ROOT / f'msg/{name}.msg').read_text())
    fields = dict(line.split()[::-1] for line in text.splitlines() if line.strip())
    spelled = {'float32': 'float', 'bool': 'boolean'}
    assert message.get_fields_and_field_types() == {name: spelled.get(kind, kind) for name, kind in fields.items()}


def test_pip_and_cmake_build_every_message():
    pip = (ROOT / 'message_build/message.py').read_text()
    cmake = re.search(r'rosidl_generate_interfaces\(([^)]*)\)', (ROOT / 'CMakeLists.txt').read_text()).group(1)
    assert MESSAGES
    for text in (pip, cmake):
        assert sorted(re.findall(r'msg/(\w+)\.msg', text)) == MESSAGES
