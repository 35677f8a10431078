# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Download published weights from their hub: resumable, and in place only once their sha-256 is right.

The authors publish no hashes, and we pin none that we did not compute ourselves (`ModelInfo.sha256` is '' then). The
wanted sha-256 is what the hub states for its large files at the moment of the download: that proves a whole transfer,
not an honest hub. It is recorded beside the file, and `checkpoints.load` refuses a file that changed since.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from dav2_ros.files.atomic import write_whole
from dav2_ros.models.files import sha256_of
from dav2_ros.models.info import ModelError, ModelInfo
from dav2_ros.models.registry import BUNDLED, REGISTRY, hash_record, local_path, lookup


def fetch(name: str, *, accept_non_commercial: bool = False) -> Path:
    """Bring the weights of a known model here, and return where they are.

    A broken download keeps its bytes and goes on with the next call. Raises ModelError: unknown name, a
    non-commercial licence that was not accepted, no network, a wrong sha-256.
    """
    info = lookup(name)
    path = local_path(info)
    if info.is_non_commercial and not accept_non_commercial:
        raise ModelError(
            f'The weights of {name} are under {info.license}, which forbids commercial use: pass '
            f'--accept-non-commercial if that suits you, or take {_free_alternative(info)}.'
        )
    if name == BUNDLED or path.is_file():
        return path
    wanted, part = _download(info, path)
    found = sha256_of(part)
    if found != wanted:
        part.unlink()
        raise ModelError(f'{info.url} came with sha-256 {found}, wanted {wanted}: nothing was kept, fetch it again.')
    write_whole(hash_record(path), f'{wanted}  {path.name}\n')  # sha256sum's format; before the file, which it guards
    os.replace(part, path)
    return path


def _download(info: ModelInfo, path: Path) -> tuple[str, Path]:
    """Return the wanted sha-256 and the whole, unverified download beside `path`.

    `hf_hub_download` throws the bytes of an interrupted run away, so its parts are used instead: the hub's answer to
    HEAD, and the transfer that continues where a file ends.
    """
    try:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers
    except ImportError as error:
        raise ModelError('Fetching needs huggingface_hub: install it with `pip install huggingface_hub`.') from error
    try:
        remote = get_hf_file_metadata(hf_hub_url(info.repo, info.file))
        wanted, size = info.sha256 or remote.etag or '', remote.size
        if not re.fullmatch('[0-9a-f]{64}', wanted):
            raise OSError(f'the hub states no sha-256, but {wanted!r}')
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f'{path.name}.{wanted[:12]}.part')  # of this content only: never resumes into another
        with open(part, 'ab') as file:
            if size is not None and file.tell() > size:
                file.truncate(0)  # two downloads at once wrote into it
            url = hf_hub_url(info.repo, info.file, revision=remote.commit_hash)
            headers = {**build_hf_headers(), 'Accept-Encoding': 'identity'}
            _continue(file, lambda start: http_get(url, file, resume_size=start, headers=headers, expected_size=size))
        return wanted, part
    except Exception as error:  # the hub's client raises its own errors, its HTTP library's and the system's
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip('.')
        raise ModelError(
            f'Could not fetch {info.name} ({reason}): try again, or get {info.file} of the repository {info.repo} '
            f'by hand ({info.url}) and put it at {path}.'
        ) from error


def _continue(file: BinaryIO, transfer: Callable[[int], None]) -> None:
    """Repeat a transfer that breaks for as long as each try brings bytes (releases of the client differ in this)."""
    while True:
        start = file.tell()
        try:
            return transfer(start)
        except Exception:
            if file.seek(0, os.SEEK_END) <= start:
                raise


def _free_alternative(info: ModelInfo) -> str:
    """Name the model of the same kind that may be used commercially."""
    same = (i for i in REGISTRY.values() if not i.is_non_commercial and i.max_depth_m == info.max_depth_m and i.repo)
    return next(same).name
