# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tar files of pictures as others make them: SA-1B's, pictures beside JSON."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path

from sets.folder import written
from sets.truth import Truth


def write(root: Path) -> dict[str, list[Truth]]:
    root.mkdir()
    truths = []
    for number in range(2):
        names = [f'./sa_{10 * number + i}.jpg' for i in range(3)]
        loose = root.parent / f'loose{number}'
        truths += [replace(truth, rgb_atol=12) for truth in written(loose, names)]
        with tarfile.open(root / f'sa_00000{number}.tar', 'w', format=tarfile.GNU_FORMAT) as archive:
            for name in names:
                archive.add(loose / name, name)
                add(archive, name.replace('.jpg', '.json'), b'{"image": {}, "annotations": []}')
    return {'all': truths}


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))
