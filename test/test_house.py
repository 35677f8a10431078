# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The rules of the house (CONTRIBUTING.md) that a program can check: who imports whom, sizes, names, headers."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
SPDX = (
    'SPDX-FileCopyrightText: 2026 The dav2_ros authors',
    'SPDX-License-Identifier: Apache-2.0',
)
LINES = 400  # of a file: longer ones are printed as warnings, for somebody to look for the second thought in them
FUNCTION_LINES = 50  # of a function without its docstring; at 40 one looks for the verb
ROS = re.compile(r'rclpy|rosidl\w*|ament\w*|launch(_ros)?|cv_bridge|sensor_msgs_py|\w+_(msgs|interfaces)|dav2_ros\.msg')
HEAVY = {'torch', 'onnx', 'onnxruntime', 'onnxscript', 'openvino', 'nncf', 'matplotlib', 'rosbags', 'rclpy',
         'transformers', 'lightning'}  # fmt: skip
# From the bottom: a room imports rooms of the lines above it here, never one of its own line or below. A room is a
# module or a folder; where a package lies on several floors its folders and modules are listed one by one.
FLOORS = (
    'camera errors parameter files network',
    'frames models stats',
    'image',
    'engines',  # the protocol (engine.py), the cache
    'engines.export',
    'engines.backends',
    'engines.devices',
    'engines.selection',
    'engines.hot_swap',
    'engines.pool',
    'depth',
    'cloud',
    'parameters',
    'estimator scale',
    'pipeline',
    'evaluation',
    'benchmark',
    'gpu_check',
    'bags.storage',
    'bags',
    'bags.evaluation bags.extraction media',
    'nodes view web',
    'demo',
    'commands',  # the only one that may know all
)
TRAINING_FLOORS = (
    'config',
    'data',
    'data.pseudo data.procedural',
    'data.varied',
    'data.procedural.frame_cache',
    'data.sets',
    'data.shards',
    'data.metric_batches data.relative_batches data.segmentation_batches',
    'loop',
    'losses export assets',
    'evaluation',
    'annotation figures timed',
    'stages',
    'commands timed.bench',
    'cli',
    '__main__',
)
SHARED_BY_TESTS = {
    'graph',
    'sets',
}  # folders of test/ that hold no tests: the client side of a ROS graph, small data sets
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


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(SOURCES[name], feature_version=(3, 10))


@cache
def imports(name: str) -> frozenset[str]:
    """Return the modules a file imports, also inside functions, but not those it names for type checkers only."""
    found = set()
    for node in walk(tree(name)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {node.module, *(f'{node.module}.{alias.name}' for alias in node.names)}
    return frozenset(found)


def walk(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and 'TYPE_CHECKING' in ast.unparse(child.test)):
            yield child
            yield from walk(child)


def roots(names: Iterable[str]) -> set[str]:
    return {name.partition('.')[0] for name in names}


def module_of(name: str) -> str:
    """Return what a file is imported as: training/data/__init__.py is dav2_training.data."""
    dotted = name.removesuffix('.py').removesuffix('/__init__').replace('/', '.')
    return f'dav2_{dotted}' if dotted.partition('.')[0] == 'training' else dotted


def arrows() -> dict[str, set[str]]:
    """Return for each module those of ours it imports.

    A package's __init__.py that imports nothing of ours is no target: Python has loaded it before any of its modules.
    """
    own = {module_of(name): imports(name) for name in OWN}
    leaves = {module_of(n) for n in OWN if n.endswith('__init__.py') and not own.keys() & own[module_of(n)]}
    return {name: (names & own.keys()) - leaves - {name} for name, names in own.items()}


ARROWS = arrows()
FLOOR_OF = {
    f'{package}.{room}': floor
    for package, floors in (('dav2_ros', FLOORS), ('dav2_training', TRAINING_FLOORS))
    for floor, rooms in enumerate(floors)
    for room in rooms.split()
}


def room_of(module: str) -> str:
    """Return the longest listed name that a module lies in, '' for a module without a floor."""
    while module and module not in FLOOR_OF:
        module = module.rpartition('.')[0]
    return module


def circles(arrows: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the groups of two or more that reach each other."""
    order = TopologicalSorter(arrows)
    try:
        order.prepare()
    except CycleError as error:
        return [error.args[1], *circles({n: to - set(error.args[1]) for n, to in arrows.items()})]
    return []


class TestFloors:
    """Arrows only run down, from what a user calls to values that know nobody."""

    def test_every_module_has_a_floor_and_every_floor_its_modules(self):
        modules = {m for m in ARROWS if '.' in m}
        assert not {m for m in modules if not room_of(m)}
        assert not FLOOR_OF.keys() - {room_of(m) for m in modules}

    def test_no_import_runs_up(self):
        upward = set()
        for module, targets in ARROWS.items():
            for target in (t for t in targets if t.partition('.')[0] == module.partition('.')[0]):
                room, other = room_of(module), room_of(target)
                upward |= {(module, target)} if room != other and FLOOR_OF[other] >= FLOOR_OF[room] else set()
        assert not upward

    def test_no_modules_import_each_other(self):
        assert circles(ARROWS) == []


class TestWhoImportsWhom:
    """What a robot loads, and what it must not need."""

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
    heavy = ('dav2_ros/network/vit', 'dav2_ros/network/dpt', 'dav2_ros/engines/export/fold',
             'dav2_ros/engines/export/end_to_end', 'dav2_ros/nodes/')  # fmt: skip
    names = [name for name in RUNTIME if not name.startswith(heavy) and not name.endswith('__main__.py')]
    names += ['dav2_ros/nodes/__init__.py', 'dav2_ros/nodes/declare.py']
    return [module_of(name) for name in names]


class TestSizes:
    def test_a_long_file_is_one_thought(self):
        """Only people can tell: this warns of where to look."""
        for name, text in SOURCES.items():
            if (lines := len(text.splitlines())) > LINES:
                warnings.warn(f'{name} has {lines} lines: is it one thought?', stacklevel=1)

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


class TestTests:
    FILES = tuple(Path(name) for name in SOURCES if name.startswith('test/'))

    def test_every_test_file_holds_tests(self):
        assert not [n for n, text in SOURCES.items() if Path(n).name.startswith('test_') and 'def test_' not in text]

    def test_folders_are_those_of_the_packages(self):
        folders = {path.parent.relative_to('test') for path in self.FILES} - {Path(), *map(Path, SHARED_BY_TESTS)}
        assert {each for each in folders if not any((ROOT / up / each).is_dir() for up in ('dav2_ros', '.'))} == set()

    def test_folders_of_tests_hold_nothing_else_and_every_name_is_there_once(self):
        """Pytest puts each folder on sys.path: another module there could hide one of somebody else's."""
        inside = [path for path in self.FILES if path.parent.name not in {'test', *SHARED_BY_TESTS}]
        assert [path for path in inside if not path.name.startswith('test_')] == []
        names = [path.name for path in self.FILES if path.name.startswith('test_')]
        assert sorted(set(names)) == sorted(names)


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


class TestWhereIs:
    ROW = re.compile(r'^\| .+ \| `([\w/.]+)` `(\w+)` \|$', re.MULTILINE)

    def test_every_behaviour_is_where_contributing_says(self):
        rows = self.ROW.findall((ROOT / 'CONTRIBUTING.md').read_text())
        assert len(rows) >= 40
        for name, symbol in rows:
            defined = set()
            for node in tree(name).body:
                defined |= {getattr(node, 'name', '')}
                targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, 'target', None)]
                defined |= {target.id for target in targets if isinstance(target, ast.Name)}
            assert symbol in defined, f'{symbol} is not in {name}'
