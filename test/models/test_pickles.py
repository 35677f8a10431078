# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A hostile .pth ends in one sentence, soon and without memory; what `torch.save` writes of weights is read."""

from __future__ import annotations

import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from memory import PEAK_KB

from dav2_ros.models.files import read_tensors
from dav2_ros.models.info import ModelError
from dav2_ros.models.pickles import check_pickled

STORAGE = b'(U\x07storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu'  # and count, t, Q


def text(word: str) -> bytes:
    return b'X' + struct.pack('<I', len(word)) + word.encode()


def doubled(times: int) -> bytes:
    """((((...),(...)), ...): each tuple holds the one before twice, without a byte more."""
    return b')q\x00' + b''.join(b'h\x00h\x00\x86q\x00' for _ in range(times))


def tensor(count: bytes, shape: bytes) -> bytes:
    """{'a': a tensor}; `count` floats in its storage, and a shape, as opcodes."""
    storage = STORAGE + count + b'tQ'
    return (
        b'}' + text('a') + b'ctorch._utils\n_rebuild_tensor_v2\n(' + storage
        + b'K\x00' + shape + shape + b'\x89ccollections\nOrderedDict\n)RtRs'
    )  # fmt: skip


BODIES = {
    'that holds itself': (b'}q\x00' + text('model') + b'h\x00s', 'holds itself'),
    'that holds itself in a list': (b'}q\x00' + text('model') + b'](h\x00es', 'holds itself'),
    'of too many instructions': (b'(' * 2_000_000, 'instructions'),
    'that is deeply nested': (b']' * 50_000 + b'a' * 49_999, 'deep'),
    'whose keys hash for ever': (doubled(60) + b'}h\x00K\x01s', 'keys'),
    'whose items double': (doubled(60) + b'}' + text('model') + b'h\x00s', 'items'),
    'that asks for a bytearray of 1 TB': (b'c__builtin__\nbytearray\n\x8a\x06' + bytes(5) + b'\x01\x85R', 'bytearray'),
    'with more in a storage than in the file': (tensor(b'J\xff\xff\xff\x7f', b'K\x02\x85'), 'storages'),
    'with a tensor of more than the file': (tensor(b'K\x02', b'J\xff\xff\xff\x7f\x85'), 'shape'),
    'without anything on the stack': (b'', 'damaged|empty|range'),
}


def zipped(path: Path, body: bytes, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, 'w', compression) as file:
        file.writestr('archive/data.pkl', b'\x80\x02' + body + b'.')
        file.writestr('archive/data/0', bytes(8))
        file.writestr('archive/version', '3\n')
    return path


def legacy(path: Path, body: bytes) -> Path:
    head = b'\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.'
    path.write_bytes(head + b'\x80\x02' + body + b'.\x80\x02].' + bytes(16))
    return path


LOAD = """
import sys
from dav2_ros.models.files import read_tensors
from dav2_ros.models.info import ModelError

for path in map(__import__('pathlib').Path, sys.argv[1:]):
    try:
        print(read_tensors(path))
    except ModelError as error:
        print(error)
"""


def test_a_hostile_pth_is_refused_in_one_sentence_soon_and_without_memory(tmp_path):
    """In a process of its own: what is followed to its end here never ends."""
    cases = [
        (write(tmp_path / f'{number}{write.__name__}.pth', body), words)
        for write in (zipped, legacy)
        for number, (body, words) in enumerate(BODIES.values())
    ]
    cases.append((zipped(tmp_path / 'bomb.pth', b'(' * 50_000_000, zipfile.ZIP_DEFLATED), 'compressed'))
    twice = zipped(tmp_path / 'twice.pth', b'}')
    with zipfile.ZipFile(twice, 'a') as file:
        file.writestr('archive/DATA.pkl', b'(')
    cases.append((twice, 'one name'))
    command = [sys.executable, '-c', f'{LOAD}print({PEAK_KB})', *(str(path) for path, _ in cases)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)  # 15 s
    assert done.returncode == 0, done.stderr
    *sentences, peak_kb = done.stdout.splitlines()
    assert len(sentences) == len(cases)
    for sentence, (path, words) in zip(sentences, cases):
        assert str(path) in sentence and sentence.endswith('.')
        assert any(word in sentence for word in words.split('|')), (path.name, words, sentence)
    assert int(peak_kb) < 1.5e6


@pytest.mark.parametrize('new', [True, False])
def test_what_training_saves_is_read(tmp_path, new):
    """A state dict, tensors that share memory, and all that a run keeps beside them."""
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8)).to(torch.bfloat16)
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 3, 8, 8, dtype=torch.bfloat16)).sum().backward()
    optimizer.step()
    state = {'model': network.state_dict(), 'optimizer': optimizer.state_dict(), 'epoch': 3, 'best': {'d1': 0.5}}
    state['sizes'] = (torch.Size([2, 3]), torch.float16, OrderedDict(a=[1, 2.5, None, True, 'x', 2**40]))
    state['same'] = [network[0].weight.detach()[:1], torch.nn.Parameter(torch.ones(2, 3).T)]
    torch.save(state, tmp_path / 'a.pth', _use_new_zipfile_serialization=new)
    check_pickled(tmp_path / 'a.pth')
    found = read_tensors(tmp_path / 'a.pth')
    assert found.keys() == network.state_dict().keys()
    assert all(torch.equal(found[key], value) for key, value in network.state_dict().items())


def test_an_instruction_more_or_less_is_no_traceback(tmp_path):
    torch.save({'a': torch.ones(2)}, tmp_path / 'whole.pth', _use_new_zipfile_serialization=False)
    whole = (tmp_path / 'whole.pth').read_bytes()
    for at in range(0, len(whole), 3):
        for byte in b'(tR0\xff':
            (tmp_path / 'a.pth').write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
            try:
                read_tensors(tmp_path / 'a.pth')
            except ModelError as error:
                assert '\n' not in str(error)
