# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The rules of the house (CONTRIBUTING.md) that a program can check: who imports whom, sizes, names, headers."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SPDX = (
    'SPDX-FileCopyrightText: 2026 The dav2_ros authors',
    'SPDX-License-Identifier: Apache-2.0',
)
LINES, TEST_LINES = 250, 400  # of a file; at 200 one looks for the noun that hides in it; a test mirrors its module
FUNCTION_LINES = 50  # of a function without its docstring; at 40 one looks for the verb
ROS = re.compile(r'rclpy|rosidl\w*|ament\w*|launch(_ros)?|cv_bridge|sensor_msgs_py|\w+_(msgs|interfaces)|dav2_ros\.msg')
HEAVY = {'torch', 'onnx', 'onnxruntime', 'onnxscript', 'openvino', 'nncf', 'matplotlib', 'rosbags', 'rclpy',
         'transformers', 'lightning'}  # fmt: skip
VAGUE = {'utils', 'util', 'helpers', 'helper', 'manager', 'managers', 'common', 'misc', 'tools'}


def tracked() -> list[Path]:
    """List the files of the project: those git knows, or, in an unpacked archive, all but what was built."""
    try:
        command = ['git', 'ls-files', '--cached', '--others', '--exclude-standard']
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
        found = [ROOT / line for line in listed]
    except (OSError, subprocess.CalledProcessError):
        built = {'build', 'install', 'log', 'out', '__pycache__', 'msg'}
        found = [p for p in ROOT.rglob('*') if not any(x in built or x[0] == '.' for x in p.relative_to(ROOT).parts)]
    return [path for path in found if path.is_file()]


def texts() -> Iterator[tuple[str, str]]:
    """Yield path and content of every file that is text."""
    for path in tracked():
        try:
            yield path.relative_to(ROOT).as_posix(), path.read_text()
        except UnicodeDecodeError:
            continue  # a picture, weights, a recording


TEXTS = dict(texts())
SOURCES = {name: text for name, text in TEXTS.items() if name.endswith('.py')}
RUNTIME = {name: text for name, text in SOURCES.items() if name.startswith('dav2_ros/')}
OWN = {name: text for name, text in SOURCES.items() if name.startswith(('dav2_ros/', 'training/'))}
OUTSIDE_NODES = [name for name in OWN if not name.startswith('dav2_ros/nodes/')]


def tree(name: str) -> ast.Module:
    return ast.parse(SOURCES[name], feature_version=(3, 10))


def imports(name: str) -> set[str]:
    """Return the modules a file imports, also inside functions, but not those it names for type checkers only."""
    found = set()
    for node in walk(tree(name)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {node.module, *(f'{node.module}.{alias.name}' for alias in node.names)}
    return found


def walk(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and 'TYPE_CHECKING' in ast.unparse(child.test)):
            yield child
            yield from walk(child)


def roots(names: set[str]) -> set[str]:
    return {name.partition('.')[0] for name in names}


class TestWhoImportsWhom:
    """Arrows point inwards: nodes, bags, media -> estimator -> engines, camera, resize -> network."""

    def test_the_runtime_does_not_know_training(self):
        assert not {name for name in RUNTIME if roots(imports(name)) & {'training', 'dav2_training'}}

    def test_only_nodes_know_ros(self):
        for name in OUTSIDE_NODES:
            assert not [each for each in imports(name) if ROS.fullmatch(each) or ROS.fullmatch(each.partition('.')[0])]

    def test_nobody_imports_nodes_but_nodes(self):
        for name in OUTSIDE_NODES:
            assert not [each for each in imports(name) if each.startswith('dav2_ros.nodes')], name

    def test_the_network_knows_only_itself_and_torch(self):
        for name in RUNTIME:
            if name.startswith('dav2_ros/network/'):
                others = {each for each in imports(name) if not each.startswith('dav2_ros.network')}
                assert roots(others) - set(sys.stdlib_module_names) <= {'torch'}, name

    @pytest.mark.parametrize('name', ['frames', 'camera', 'resize', 'cloud', 'estimator', 'evaluation/metrics'])
    def test_the_core_knows_neither_bags_nor_media_nor_commands(self, name):
        outside = ('dav2_ros.bags', 'dav2_ros.media', 'dav2_ros.nodes', 'dav2_ros.commands.app', 'dav2_ros.demo')
        assert not [each for each in imports(f'dav2_ros/{name}.py') if each.startswith(outside)]

    def test_the_package_itself_is_a_docstring(self):
        """`ros2 topic echo` of our message loads it."""
        assert len(tree('dav2_ros/__init__.py').body) == 1

    def test_heavy_libraries_are_loaded_by_who_uses_them(self):
        """`dav2 --help`, a launch file, and a robot without PyTorch import these modules."""
        program = f"""
import importlib, sys
before = set(sys.modules)
for name in {light_modules()!r}:
    importlib.import_module(name)
    loaded = {HEAVY!r} & (set(sys.modules) - before)
    assert not loaded, f'importing {{name}} loads {{", ".join(loaded)}}'
"""
        done = subprocess.run([sys.executable, '-c', program], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def light_modules() -> list[str]:
    """List what loads without heavy libraries: all of the runtime but what is written in PyTorch or speaks ROS."""
    heavy = ('dav2_ros/network/vit', 'dav2_ros/network/dpt', 'dav2_ros/engines/fold', 'dav2_ros/engines/picture',
             'dav2_ros/nodes/')  # fmt: skip
    names = [name for name in RUNTIME if not name.startswith(heavy) and not name.endswith('__main__.py')]
    names += ['dav2_ros/nodes/__init__.py', 'dav2_ros/nodes/declare.py']
    return [name.removesuffix('.py').removesuffix('/__init__').replace('/', '.') for name in names]


class TestSizes:
    def test_a_file_is_one_noun_long(self):
        lengths = {name: len(text.splitlines()) for name, text in SOURCES.items()}
        assert not {n: length for n, length in lengths.items() if length > (LINES if n in OWN else TEST_LINES)}

    def test_a_function_is_one_verb_long(self):
        longer = {}
        for name in OWN:
            for node in ast.walk(tree(name)):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    body = node.body[1:] if ast.get_docstring(node) else node.body
                    lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                    longer |= {node.name: f'{lines} lines in {name}'} if lines > FUNCTION_LINES else {}
        assert not longer


class TestNames:
    def test_a_name_says_what_is_in_it(self):
        assert not [name for name in SOURCES if VAGUE & set(Path(name).with_suffix('').parts)]

    def test_no_file_hides_a_module_of_python(self):
        """A module that is run as a script puts its folder first on sys.path."""
        assert not [name for name in OWN if Path(name).stem in sys.stdlib_module_names - {'__main__'}]

    def test_every_test_file_holds_tests(self):
        assert not [n for n, text in SOURCES.items() if n.startswith('test/test_') and 'def test_' not in text]


class TestText:
    def test_python_is_that_of_humble(self):
        """Syntax of 3.10 (`tree` parses it as such), and no import of what came later."""
        later = {'tomllib', 'typing.Self', 'typing.override', 'typing.assert_never', 'enum.StrEnum', 'datetime.UTC',
                 'itertools.batched', 'asyncio.TaskGroup', 'asyncio.timeout'}  # fmt: skip
        assert not {name: found for name in SOURCES if (found := imports(name) & later)}

    def test_every_file_says_whose_it_is(self):
        generated = 'dav2_ros/bags/bundled/'  # rosbags writes no comments
        for name, text in TEXTS.items():
            if Path(name).suffix in ('.py', '.yaml', '.yml', '.msg', '.rviz') and not name.startswith(generated):
                assert [x.lstrip('# ') for x in text.splitlines()[:3] if 'SPDX' in x] == list(SPDX), name

    def test_no_file_knows_the_machine_it_was_written_on(self):
        places = re.compile('|'.join('/' + place + '/' for place in ('root', 'work/main', 'work/shared', r'home/\w+')))
        assert not {name: found.group() for name, text in TEXTS.items() if (found := places.search(text))}

    def test_values_are_frozen(self):
        """What crosses a seam cannot change behind somebody's back."""
        for name in RUNTIME:
            for node in ast.walk(tree(name)):
                for decorator in map(ast.unparse, node.decorator_list if isinstance(node, ast.ClassDef) else ()):
                    assert not re.match('(dataclasses.)?dataclass', decorator) or 'frozen=True' in decorator, node.name


class TestContributing:
    def told(self) -> set[str]:
        """Read the tree in CONTRIBUTING.md: every path that it names."""
        text = (ROOT / 'CONTRIBUTING.md').read_text()
        block = re.search(r'```\ndav2_ros/\n(.*?)```', text, re.DOTALL).group(1)
        paths, folders = set(), []
        for line in block.splitlines():
            match = re.match(r'((?:│   |    )*)(?:├── |└── )(.*)', line)
            if not match:
                continue
            depth = len(match[1]) // 4
            for name in re.split(r'  +', match[2])[0].split():
                folders[depth:] = [name.rstrip('/')]
                paths.add('/'.join(folders) + ('/' if name.endswith('/') else ''))
        return paths

    def test_the_tree_names_what_is_there(self):
        missing = [path for path in self.told() if not (ROOT / path).exists()]
        assert not missing
        assert not [path for path in self.told() if (ROOT / path).is_dir() != path.endswith('/')]

    def test_every_folder_and_every_module_at_the_top_of_the_runtime_is_in_the_tree(self):
        told = {path.rstrip('/') for path in self.told()}
        parts = [name.split('/') for name in TEXTS if not name.startswith('.')]
        folders = {each[0] for each in parts if len(each) > 1}
        folders |= {'/'.join(each[:2]) for each in parts if each[0] in ('dav2_ros', 'training') and len(each) > 2}
        modules = {name for name in RUNTIME if name.count('/') == 1}
        assert (folders | modules) - told == set()
