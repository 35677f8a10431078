# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the documentation tells people to type is right: it runs here, or at least every option of it is understood."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

pytest.importorskip('rosbags', reason='rosbags is not installed (pip: the extra bags)')
pytest.importorskip('lightning', reason='lightning is not installed (pip: the extra train)')
av = pytest.importorskip('av', reason='av is not installed (pip: the extra video)')

# ruff: noqa: E402
from recordings import a_drive, by_rosbags

from dav2_ros.cli import app as dav2
from dav2_ros.models.registry import REGISTRY
from dav2_ros.nodes.parameters import DepthNodeParameters
from dav2_training.cli import app as dav2_train

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*(ROOT / n for n in ('README.md', 'CONTRIBUTING.md', 'training/README.md')), *(ROOT / 'docs').glob('*.md')]
PROGRAMS = {'dav2': dav2, 'dav2-train': dav2_train}
ELSEWHERE = {  # page: who runs its commands
    'bags.md': 'test_bag_docs.py runs all of them',
    'datasets.md': 'data sets are downloaded; test_sets.py, test_extract.py and test_shards.py run on tiny ones',
    'training/README.md': 'what takes minutes runs as in fine_tuning.md, the rest takes days',
}
NOT_RUN = {  # how a command looks: why it is not run here
    r'make (demo|test|test-floor|check|colcon-check)$': '.ci/run runs it',
    r'make bench': 'minutes; its numbers are for a quiet machine',
    r'(rosdep|colcon|source|ros2) ': 'needs ROS; make colcon-check, test_launch.py, .github/workflows/ros.yml run it',
    r'pip install |dav2 models fetch ': 'downloads; test_models_cli.py fetches from a hub of its own',
    r'dav2 web': 'ends when it is told to; test_web.py runs it',
    r'dav2(-train)? (?!models show).*(\bv2-|--encoder)': 'needs weights that are downloaded',
    r'.* /data/': 'needs a data set that is downloaded',
    r'dav2-train metric \S*(vitt_|recorded_small)': 'hours; test_training.py and test_configs.py take their files',
    r'dav2-train annotate ': 'needs two models and people; test_annotate.py runs it',
    r'dav2-train flicker': 'minutes; test_flicker.py judges clips',
    r'bash training/smoke.sh': 'minutes',
    r'python -m dav2_ros\.gpu_check ': 'needs a GPU; test_gpu_check.py runs it on a CPU',
    r'\.venv/bin/python -m pytest ': 'this is pytest',
}
SMALLER = {  # options that make a command short
    r'dav2-train metric ': ['--steps', '1'],
    r'dav2-train evaluate ': ['--frames', '4'],
    r'dav2-train data extract ': ['--gap-s', '0'],
}
PROVES = ('verify', 'export', 'bench')  # what is asked for engines; all else runs on the one that opens at once


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf'^```{language}\n(.*?)^```', document.read_text(), re.MULTILINE | re.DOTALL)


def commands(document: Path) -> list[str]:
    """Split the shell blocks into commands: one per line, or per &&, without comments."""
    lines = '\n'.join(blocks(document, 'bash')).replace('\\\n', ' ').splitlines()
    parts = [part.strip() for line in lines for part in re.sub(r'\s# .*|^#.*', '', line).split('&&')]
    return [part for part in parts if part and not part.startswith('export ')]


def name_of(document: Path) -> str:
    return document.name if document.parent.name == 'docs' else document.relative_to(ROOT).as_posix()


ALL = {document: commands(document) for document in sorted(DOCUMENTS)}
EVERY = sorted({command for found in ALL.values() for command in found})
SEEN: set[str] = set()
TO_RUN = {}  # each command once, on the first page that has it
for _document, _found in ALL.items():
    _here = [] if name_of(_document) in ELSEWHERE else dict.fromkeys(_found)
    TO_RUN[_document] = [c for c in _here if c not in SEEN and not any(re.match(p, c) for p in NOT_RUN)]
    SEEN |= set(TO_RUN[_document])


@pytest.fixture(scope='module')
def model_home(tmp_path_factory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('DAV2_HOME', str(tmp_path_factory.mktemp('models')))
        yield


@pytest.fixture
def folder(tmp_path, monkeypatch, model_home) -> Path:
    """Stand in a folder that looks like the project's, with photos, a video and recordings; outputs do no harm."""
    for path in ROOT.iterdir():
        if path.name not in ('out', '.git', '.venv'):
            (tmp_path / path.name).symlink_to(path)
    u, v = np.meshgrid(np.linspace(0, 255, 160), np.linspace(0, 255, 120))
    bgr = np.dstack([u, v, 128 + 0 * u]).astype(np.uint8)
    (tmp_path / 'pictures').mkdir()
    for name in ('photo.jpg', 'pictures/first.jpg', 'pictures/second.png', 'third.jpg'):
        cv2.imwrite(str(tmp_path / name), bgr)
    (tmp_path / 'list.txt').write_text('third.jpg\n')
    with av.open(str(tmp_path / 'drive.mp4'), 'w') as video:
        stream = video.add_stream('mpeg4', rate=10, width=160, height=120, pix_fmt='yuv420p')
        for picture in (bgr, bgr[::-1]):
            video.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format='bgr24')))
        video.mux(stream.encode())
    by_rosbags(tmp_path / 'my_bag', a_drive(20))
    shutil.copytree(tmp_path / 'my_bag', tmp_path / 'another_bag')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def leaf(words: list[str]):
    """Find the command of a line; returns it and what is left of the line."""
    command, rest = get_command(PROGRAMS[words[0]]), words[1:]
    while hasattr(command, 'commands'):
        assert rest[0] in command.commands, f'{words}: there is no command {rest[0]}'
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


@pytest.mark.parametrize('document', [d for d, found in TO_RUN.items() if found], ids=name_of)
def test_the_commands_of_a_page_run_one_after_the_other(document, folder):
    for line in TO_RUN[document]:
        words = shlex.split(line)
        assert words[0] in PROGRAMS, f'{line}: run it, or say in NOT_RUN why not'
        command, _ = leaf(words)
        smaller = [option for pattern, options in SMALLER.items() if re.match(pattern, line) for option in options]
        if '--engine' in {o for p in command.params for o in p.opts} - set(words) and words[1] not in PROVES:
            smaller += ['--engine', 'torch']
        done = CliRunner().invoke(PROGRAMS[words[0]], [*words[1:], *smaller])
        assert done.exit_code == 0, f'{line}\n{done.output}\n{done.exception!r}'


@pytest.mark.parametrize('line', [c for c in EVERY if c.split()[0] in PROGRAMS])
def test_every_option_of_a_command_is_one(line):
    """Also of those that are not run: the options, the kinds of their values, and the names of models."""
    words = shlex.split(line.replace('$DEMO', 'my_bag'))
    command, rest = leaf(words)
    command.make_context(words[0], rest)  # raises click.UsageError
    models = {word for word in words if re.match(r'(v[12]|vitt)-', word)}
    assert models <= set(REGISTRY)
    for word in words:
        if word.startswith('config/'):
            assert (ROOT / word).is_file(), word


@pytest.mark.parametrize('line', [c for c in EVERY if c.startswith('ros2 launch ')])
def test_every_argument_of_a_launch_file_is_one(line):
    _, _, package, name, *arguments = shlex.split(line)
    texts = [(ROOT / 'launch' / file).read_text() for file in (name, 'depth.launch.py')]
    own = set(re.findall(r"(?:DeclareLaunchArgument\(\s*|^    )'(\w+)'[:,]", '\n'.join(texts), re.MULTILINE))
    assert package == 'dav2_ros' and {'image', 'namespace'} <= own
    given = dict(argument.split(':=') for argument in arguments)
    parameters = {k: yaml.safe_load(v) for k, v in given.items() if k in DepthNodeParameters.__dataclass_fields__}
    assert set(given) <= own | set(parameters)
    DepthNodeParameters(**{k: tuple(v) if isinstance(v, list) else v for k, v in parameters.items()})


@pytest.mark.parametrize('line', [c for c in EVERY if c.startswith('make ')])
def test_every_target_of_make_is_one(line):
    assert re.search(rf'^{line.split()[1]}:.*## ', (ROOT / 'Makefile').read_text(), re.MULTILINE)


@pytest.mark.parametrize('document', [d for d in DOCUMENTS if blocks(d, 'python')], ids=name_of)
def test_the_python_of_a_page_runs(document, folder):
    for code in blocks(document, 'python'):
        exec(compile(code, name_of(document), 'exec'), {'__name__': '__main__'})


def test_no_reason_outlives_its_command():
    assert not [pattern for pattern in (*NOT_RUN, *SMALLER) if not any(re.match(pattern, c) for c in EVERY)]
    assert set(ELSEWHERE) <= {name_of(document) for document in DOCUMENTS}
    assert not [told for told in re.findall(r'test_\w+\.py', str([*ELSEWHERE.values(), *NOT_RUN.values()]))
                if not (ROOT / 'test' / told).is_file()]  # fmt: skip


def test_nothing_is_left_to_be_measured():
    assert not [(d.name, gap) for d in DOCUMENTS for gap in re.findall(r'<!-- measured: .*? -->', d.read_text())]
