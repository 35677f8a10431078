# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the documentation says is so: its commands run, its Python runs, its tables and links are right."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
import pytest

from dav2_ros.engines import ENGINES
from dav2_ros.models.registry import REGISTRY
from dav2_ros.nodes.parameters import ANY_TIME, DepthNodeParameters

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').rglob('*.md'))]
README = (ROOT / 'README.md').read_text()
NOT_RUN = {  # how a command begins: why it is not run here
    'make demo': 'minutes, and an installation; .ci/run runs it',
    'make test': 'this is it',
    'make check': 'its own line in .ci/run',
    'make bench': 'minutes; its numbers are for a quiet machine',
    'make colcon-check': 'minutes, and downloads; its own line in .ci/run',
    'rosdep ': 'needs a ROS installation; .github/workflows/ros.yml runs it',
    'pip install ': 'downloads',
    'colcon ': 'needs a workspace; make colcon-check runs it',
    'source ': 'part of colcon',
    'ros2 ': 'needs ros2cli; test_launch.py runs it where there is one',
    'dav2 models fetch ': 'downloads; test_models_cli.py fetches from a hub of its own',
    'dav2-train ': 'hours for the model, minutes for its score',
    '.venv/bin/python -m pytest ': 'this is pytest',
}


def blocks(language: str) -> list:
    """Collect the fenced blocks of a language, named by document and line."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text()
        for match in re.finditer(rf'^```{language}\n(.*?)^```', text, re.MULTILINE | re.DOTALL):
            line = text.count('\n', 0, match.start()) + 1
            found.append(pytest.param(match.group(1), id=f'{document.relative_to(ROOT)}:{line}'))
    return found


def commands() -> list[str]:
    """Split the shell blocks into commands: one per line, or per &&, without comments."""
    lines = '\n'.join(param.values[0] for param in blocks('bash')).replace('\\\n', ' ').splitlines()
    parts = [part.strip() for line in lines for part in re.sub(r'\s# .*| ^#.*', '', line).split('&&')]
    return sorted({part for part in parts if part})


def is_run(command: str) -> bool:
    return not any(f'{command} '.startswith(beginning) for beginning in NOT_RUN)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Yield a folder that looks like the project's, with a photo, where outputs do no harm."""
    for path in ROOT.iterdir():
        if path.name not in ('out', '.git'):
            (tmp_path / path.name).symlink_to(path)
    x, y = np.meshgrid(np.linspace(0, 255, 320), np.linspace(0, 255, 240))
    cv2.imwrite(str(tmp_path / 'photo.jpg'), np.dstack([x, y, 128 + 0 * x]).astype(np.uint8))
    return tmp_path


def run(command: list[str], folder: Path) -> None:
    environment = os.environ | {'PATH': f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize('command', list(filter(is_run, commands())))
def test_a_command_runs(command, folder):
    run(shlex.split(command), folder)


@pytest.mark.parametrize('code', blocks('python'))
def test_python_runs(code, folder):
    run([sys.executable, '-c', code], folder)


def test_no_reason_outlives_its_command():
    assert not [beginning for beginning in NOT_RUN if not any(f'{c} '.startswith(beginning) for c in commands())]


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document):
    text = document.read_text()
    titles = re.findall(r'^#+ (.*)$', text, re.MULTILINE)
    anchors = {re.sub(r'[^\w -]', '', title).lower().replace(' ', '-') for title in titles}
    for target in re.findall(r'\]\(([^)\s]+)\)', text):
        path, _, anchor = target.partition('#')
        if not path:
            assert anchor in anchors, target
        elif '://' not in path:
            assert (document.parent / path).exists(), target


def test_the_first_screen_is_a_sentence_a_picture_and_three_ways_in():
    """What it is and what it looks like come first; then run, use, train."""
    assert re.match(r'# dav2_ros\n\n[^\n#]+\.\n\n!\[[^\]]+\]\([^)]+\)\n', README)
    assert re.findall(r'^## (.*)$', README, re.MULTILINE)[:3] == ['Run', 'Use from Python', 'Train']


def test_the_first_parameters_are_some_of_the_node_s():
    """All of them are in docs/parameters.md, which test_parameters.py holds to the code."""
    table = README[README.index('### Parameters') : README.index('## Engines')]
    told = re.findall(r'^\| `(\w+)`(\*?) \| `(.+?)` \| (.*) \|$', table, re.MULTILINE)
    known = {each.name: each for each in fields(DepthNodeParameters)}
    assert 4 <= len(told) <= 12
    for name, star, default, meaning in told:
        each = known[name]
        assert (star == '*') == (each.metadata['changes'] == ANY_TIME), name
        assert (default, meaning) == (json.dumps(each.default), each.metadata['meaning'])


def test_the_topics_are_those_of_the_node():
    made = (ROOT / 'dav2_ros/nodes/outputs.py').read_text() + (ROOT / 'dav2_ros/nodes/inputs.py').read_text()
    topics = set(re.findall(r"advertise\(\w+, '([^']+)'", made)) | {'image', 'camera_info', '/diagnostics'}
    assert {topic for topic in topics if topic in ('depth/image', 'points', 'stats')}
    told = re.findall(r'^\| (?:\*\*in\*\* )?`([^`]+)` \| \w+', README[: README.index('### Parameters')], re.MULTILINE)
    assert set(told) == topics and len(told) == len(topics)


def test_the_models_and_their_licences_are_those_of_the_registry():
    table = re.search(r'## Models and licences\n\n(.*?)\n\n', README, re.DOTALL).group(1)
    told = 0
    for row in table.splitlines()[2:]:
        names, predicts, up_to, license, _ = (cell.strip() for cell in row.strip('|').split('|'))
        for name in re.findall(r'`([^`]+)`', names):
            info = REGISTRY[name]
            assert (f'{info.max_depth_m:g} m', info.license, predicts) == (up_to, license, 'metres'), name
            told += 1
    official = [i for i in REGISTRY.values() if i.kind == 'metric' and not i.name.endswith('-hf')]
    assert told == len(official)


def test_the_engines_are_those_there_are():
    table = re.search(r'## Engines\n\n(.*?)\n\n', README, re.DOTALL).group(1)
    assert set(re.findall(r'^\| `(\w+)`', table, re.MULTILINE)) == set(ENGINES)


def test_nothing_is_left_to_be_measured():
    assert not [(d.name, gap) for d in DOCUMENTS for gap in re.findall(r'<!-- measured: .*? -->', d.read_text())]
