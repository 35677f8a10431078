# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Check what `torch.save` wrote before it is unpickled: tensors and plain containers only, in bounded time and memory.

`torch.load(weights_only=True)` runs no code, but it follows any pickle to its end: 48 KB of a compressed archive may be
50 million instructions, containers may hold themselves, and a tensor may claim more than its file has. The pickle's
instructions are followed here without making any of its objects, as torch/_weights_only_unpickler.py would.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from dav2_ros.models.info import ModelError

MAX_PICKLE_BYTES = 64 << 20  # the largest model and its optimizer's state take 2 MB
MAX_OPCODES = 1_000_000  # as above: 120,000
MAX_ITEMS = 1_000_000  # of all containers, what is held twice counted twice
MAX_DEPTH = 100  # containers in each other
MAX_DIMENSIONS = 16  # of a tensor
ZIP_START = b'PK\x03\x04'
LEGACY_PICKLES = (
    5  # before PyTorch 1.6: magic number, version, machine, the object, the storages' names; then their data
)
ELEMENT_BYTES = {
    'ComplexDoubleStorage': 16, 'ComplexFloatStorage': 8, 'DoubleStorage': 8, 'LongStorage': 8, 'FloatStorage': 4,
    'IntStorage': 4, 'HalfStorage': 2, 'BFloat16Storage': 2, 'ShortStorage': 2, 'CharStorage': 1, 'ByteStorage': 1,
    'BoolStorage': 1, 'UntypedStorage': 1,
}  # fmt: skip
STORAGES = {f'{module} {name}': size for name, size in ELEMENT_BYTES.items() for module in ('torch', 'torch.storage')}
DTYPES = frozenset(
    f'torch {name}'
    for name in 'float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 complex128'.split()
)
ORDERED_DICT = 'collections OrderedDict'
TENSORS = frozenset(f'torch._utils _rebuild_{what}' for what in ('tensor', 'tensor_v2', 'tensor_v3'))
CALLABLE = TENSORS | {ORDERED_DICT, 'torch._utils _rebuild_parameter', 'torch Size', 'torch device'}
KNOWN = CALLABLE | DTYPES | STORAGES.keys()
CONSTANTS = {'NONE': None, 'NEWTRUE': True, 'NEWFALSE': False}
LITERALS = frozenset('BININT BININT1 BININT2 BINFLOAT BINUNICODE SHORT_BINSTRING LONG1'.split())
EMPTY = {'EMPTY_DICT': 'dict', 'EMPTY_LIST': 'list', 'EMPTY_TUPLE': 'tuple', 'EMPTY_SET': 'set'}


def check_pickled(path: Path) -> None:
    """Raise ModelError, one sentence, unless a file of `torch.save` can be loaded in bounded time and memory.

    It may hold tensors, dictionaries, lists, tuples, numbers and text, and nothing else. What is no such file at all
    may pass or not: `torch.load` says so.
    """
    size = path.stat().st_size
    with open(path, 'rb') as file:
        is_zip = file.read(4) == ZIP_START
        file.seek(0)
        try:
            if is_zip:
                pickled, records = _read_zip(file, size)
                _Outline(size, records).follow(io.BytesIO(pickled))
            else:
                stream, outline = io.BytesIO(file.read(MAX_PICKLE_BYTES)), _Outline(size)
                for _ in range(LEGACY_PICKLES):
                    outline.follow(stream)
        except _Foreign as error:
            raise ModelError(
                f'{path} holds more than tensors ({error}) and was not opened, since that could run code: ask its '
                'author for a safetensors file or a plain state dict.'
            ) from error
        except _Unbounded as error:
            raise ModelError(
                f'{path} was not opened, since {error}, as no weights do: ask its author for a safetensors file.'
            ) from error
        except (ValueError, IndexError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
            reason = (str(error).splitlines() or [''])[0] or type(error).__name__
            raise ModelError(f'{path} cannot be read as weights ({reason}): copy or fetch it again.') from error


class _Foreign(Exception):
    """What the pickle holds is neither a tensor nor a plain container."""


class _Unbounded(Exception):
    """Loading would take more time or memory than weights need."""


def _read_zip(file: BinaryIO, size: int) -> tuple[bytes, dict[str, int]]:
    """Return the pickle in the archive, and the bytes of each record."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        names = [entry.filename.lower() for entry in entries]  # PyTorch's reader knows no case
        if len(set(names)) < len(names):
            raise _Unbounded('two of its records have one name')
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise _Unbounded('its records are compressed')
        if sum(entry.file_size for entry in entries) > size:
            raise _Unbounded('its records are larger than the file')
        pickles = [entry for entry in entries if entry.filename.rpartition('/')[2] == 'data.pkl']
        if len(pickles) != 1:
            raise ValueError(f'it has {len(pickles)} records data.pkl')
        if pickles[0].file_size > MAX_PICKLE_BYTES:
            raise _Unbounded(f'its pickle takes {1e-6 * pickles[0].file_size:.0f} MB')
        records = {entry.filename.partition('/')[2]: entry.file_size for entry in entries}
        return archive.read(pickles[0]), records


@dataclass(frozen=True, eq=False)
class _Item:
    """What stands for one object: a plain value, or what it is made of."""

    kind: str  # value, global, storage, tensor, and Python's names of containers
    value: Any = None
    inside: list[_Item] = field(default_factory=list)


MARK = _Item('mark')


class _Outline:
    """The objects of a pickle, without making them.

    Args:
        size: bytes of the file.
        records: bytes of each record that holds a storage; None where they follow the pickles.
    """

    def __init__(self, size: int, records: dict[str, int] | None = None) -> None:
        self._size, self._records = size, records
        self._storages: set[object] = set()
        self._needed = 0  # bytes of them together

    def follow(self, stream: BinaryIO) -> None:
        """Follow one pickle to its end; raises _Foreign, _Unbounded, and what pickletools raises for damaged ones."""
        self._stack: list[_Item] = []
        self._memo: dict[int, _Item] = {}
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if count == MAX_OPCODES:
                raise _Unbounded(f'its pickle has more than {MAX_OPCODES:,} instructions')
            self._apply(opcode.name, argument)
        _check_bounded(self._stack[-1])

    def _apply(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in LITERALS:
            stack.append(_Item('value', argument))
        elif name in CONSTANTS:
            stack.append(_Item('value', CONSTANTS[name]))
        elif name in EMPTY:
            stack.append(_Item(EMPTY[name], inside=[]))
        elif name in ('BINPUT', 'LONG_BINPUT'):
            self._memo[argument] = stack[-1]
        elif name in ('BINGET', 'LONG_BINGET'):
            stack.append(self._memo[argument])
        elif name == 'MARK':
            stack.append(MARK)
        elif name in ('TUPLE1', 'TUPLE2', 'TUPLE3'):
            stack.append(_Item('tuple', inside=list(reversed([self._pop() for _ in range(int(name[-1]))]))))
        elif name == 'TUPLE':
            stack.append(_Item('tuple', inside=self._pop_marked()))
        elif name in ('APPEND', 'APPENDS'):
            items = [self._pop()] if name == 'APPEND' else self._pop_marked()
            self._last('list').inside.extend(items)
        elif name in ('SETITEM', 'SETITEMS'):
            items = [self._pop(), self._pop()][::-1] if name == 'SETITEM' else self._pop_marked()
            if any(key.kind != 'value' for key in items[::2]):  # a tuple in a tuple in a tuple ... hashes for ever
                raise _Foreign('a dictionary whose keys are neither text nor numbers')
            self._last('dict').inside.extend(items)
        elif name == 'GLOBAL':
            if argument not in KNOWN:
                raise _Foreign(str(argument).replace(' ', '.')[:100])
            stack.append(_Item('global', argument))
        elif name == 'REDUCE':
            stack.append(self._call(self._pop(), self._pop()))
        elif name == 'BUILD':
            state = self._pop()
            self._last('dict').inside.append(state)
        elif name == 'BINPERSID':
            stack.append(self._storage(self._pop()))
        elif name == 'PROTO' and argument > pickle.HIGHEST_PROTOCOL:
            raise ValueError(f'there is no pickle protocol {argument}')
        elif name not in ('PROTO', 'STOP'):
            raise _Foreign(f'the instruction {name}')

    def _pop(self) -> _Item:
        item = self._stack.pop()
        if item is MARK:
            raise ValueError('its pickle is damaged')
        return item

    def _pop_marked(self) -> list[_Item]:
        items = []
        while (item := self._stack.pop()) is not MARK:
            items.append(item)
        return items[::-1]

    def _last(self, kind: str) -> _Item:
        item = self._stack[-1]
        if item.kind != kind:
            raise _Foreign(f'items of a {item.kind}')
        return item

    def _call(self, arguments: _Item, function: _Item) -> _Item:
        if function.kind != 'global' or function.value not in CALLABLE or arguments.kind != 'tuple':
            raise _Foreign(f'a call of {function.value if function.kind == "global" else "something else"}')
        if function.value == ORDERED_DICT:
            if arguments.inside:
                raise _Foreign('a call of collections.OrderedDict with arguments')
            return _Item('dict', inside=[])
        if function.value in TENSORS:
            shape = [item.value for item in arguments.inside[2].inside]
            if len(shape) > MAX_DIMENSIONS or math.prod(shape) > self._size:
                raise _Unbounded(f'it has a tensor of shape {tuple(shape)} in {self._size:,} bytes')
        return _Item('tensor', inside=arguments.inside)

    def _storage(self, name: _Item) -> _Item:
        what, kind, key, _, count = (item.value for item in name.inside[:5])
        if what not in ('storage', b'storage') or kind not in STORAGES:
            raise _Foreign('a reference that is no storage of a tensor')
        needed, there = count * STORAGES[kind], self._size
        if self._records is not None:
            there = self._records[f'data/{key}']
        elif key not in self._storages:  # those that follow the pickles share what the file has
            self._storages.add(key)
            self._needed += needed
        if needed < 0 or max(needed, self._needed) > there:
            raise _Unbounded(f'it has storages of {max(needed, self._needed):,} bytes where there are {there:,}')
        return _Item('storage')


def _check_bounded(root: _Item) -> None:
    """Raise _Unbounded if containers hold themselves, or too much, or are too deep in each other."""
    counts: dict[int, int] = {}  # items in what was looked through
    open_ids: set[int] = set()
    path: list[tuple[_Item, Iterator[_Item]]] = []

    def enter(item: _Item) -> None:
        if id(item) in open_ids:
            raise _Unbounded('it holds itself')
        if len(path) == MAX_DEPTH:
            raise _Unbounded(f'its containers are more than {MAX_DEPTH} deep')
        open_ids.add(id(item))
        path.append((item, iter(item.inside)))

    enter(root)
    while path:
        item, rest = path[-1]
        for each in rest:
            if each.inside and id(each) not in counts:
                enter(each)
                break
        else:
            path.pop()
            open_ids.remove(id(item))
            counts[id(item)] = 1 + sum(counts.get(id(each), 1) for each in item.inside)
            if counts[id(item)] > MAX_ITEMS:
                raise _Unbounded(f'it holds more than {MAX_ITEMS:,} items')
