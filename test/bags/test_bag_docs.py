# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""docs/bags.md: every command in it runs, and every option and topic that it names is there."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

pytest.importorskip('rosbags', reason='rosbags is not installed (pip: the extra bags)')

from recordings import a_drive, by_rosbags

from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.commands.app import app

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / 'docs' / 'bags.md').read_text()
COMMANDS = [
    line.removeprefix('dav2 ')
    for block in re.findall(r'```bash\n(.*?)```', TEXT, re.DOTALL)
    for line in block.splitlines()
    if line.startswith('dav2 ')
]


@pytest.fixture(scope='module')
def place(tmp_path_factory, random_model):
    """A folder to run in, with a recording of the size of a test."""
    folder = tmp_path_factory.mktemp('docs')
    by_rosbags(folder / 'demo', a_drive(12))
    (folder / 'config').mkdir()
    parameters = yaml.safe_load((ROOT / 'config' / 'depth.yaml').read_text())
    parameters['/**']['ros__parameters']['model'] = str(random_model)
    (folder / 'config' / 'depth.yaml').write_text(yaml.safe_dump(parameters))
    return folder


def test_there_are_commands():
    assert {command.split()[1] for command in COMMANDS} == {'info', 'run', 'evaluate', 'extract'}


@pytest.mark.parametrize('command', COMMANDS)
def test_it_runs(place, monkeypatch, random_model, command):
    monkeypatch.chdir(place)
    words = shlex.split(command.replace('$DEMO', 'demo').replace('320,400', '60,60'))
    if words[1] in ('run', 'evaluate') and '--params-file' not in words:
        words += ['--model', str(random_model)]
    if words[1] == 'evaluate':  # a network that knows nothing does not pass
        never = {'abs_rel>0.25': 'abs_rel>1e9', 'median.d1<0.6': 'median.d1<0'}
        words = [never.get(word, word) for word in words]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    if '-o' in words:
        out = Path(words[words.index('-o') + 1])
        assert (out / ('report.html' if words[1] == 'evaluate' else 'metadata.yaml')).is_file()


def test_the_topics_are_those_that_are_written(place, monkeypatch, random_model):
    monkeypatch.chdir(place)
    words = shlex.split('bag run demo -o out/all --engine torch --outputs depth,points,confidence,stats')
    assert CliRunner().invoke(app, [*words, '--model', str(random_model)]).exit_code == 0
    with BagReader('out/all') as bag:
        written = {topic: kind.replace('/msg/', '/') for topic, kind in bag.topics.items()}
    told = dict(re.findall(r'^\| `(/dav2/[^`]+)` \| `([^`]+)`', TEXT, re.MULTILINE))
    assert told == written


@pytest.mark.parametrize('name', ['info', 'run', 'evaluate', 'play', 'extract'])
def test_every_command_explains_itself(name):
    done = CliRunner().invoke(app, ['bag', name, '--help'], env={**os.environ, 'COLUMNS': '200', 'NO_COLOR': '1'})
    assert done.exit_code == 0 and 'Usage' in done.output
    sections = {'run': 'Depth for every picture', 'evaluate': 'How right it is', 'play': 'Playing it'}
    if name in sections:
        told = TEXT[TEXT.index(f'## {sections[name]}') :].partition('\n## ')[0]
        for option in set(re.findall(r'(?<![\w-])--[a-z][a-z-]+', told)) - {'--every'}:
            assert option in done.output, option


@pytest.mark.parametrize('words', [('info', 'nothing'), ('run', 'nothing', '-o', 'x'), ('run', 'demo', '-o', 'config'),
                                   ('run', 'demo', '-o', 'x', '--outputs', 'all'), ('evaluate', 'nothing'),
                                   ('run', 'demo', '-o', 'x', '-p', 'y'), ('play', 'demo', '--stamps', 'x'),
                                   ('run', 'demo', '-o', 'x', '--model', 'nothing')])  # fmt: skip
def test_what_can_be_put_right_is_one_sentence(place, monkeypatch, words):
    monkeypatch.chdir(place)
    done = CliRunner().invoke(app, ['bag', *words])
    assert done.exit_code == 1 and done.stderr.startswith('dav2: ') and done.stderr.count('\n') == 1, done.output
    assert not Path('x').exists() and not Path('.x.part').exists()
