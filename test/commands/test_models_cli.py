# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dav2 models` against a hub of our own: real processes, real sockets, real huggingface_hub."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dav2_ros.models.registry import BUNDLED, BUNDLED_FILE, REGISTRY, hash_record, local_path

CONTENT = os.urandom(12_000_000)  # the client writes 10 MiB at a time
SHA256 = hashlib.sha256(CONTENT).hexdigest()
COMMIT = 'c' * 40


class Hub(ThreadingHTTPServer):
    """What huggingface.co answers for a large file: HEAD with the sha-256, a redirect, GET with ranges."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), HubHandler)
        self.content = CONTENT
        self.etag = SHA256
        self.cut_after: int | None = None  # close the connection after so many bytes of each answer
        self.fails = False  # answer 500 to every download
        self.stall_after: int | None = None  # send nothing more after so many bytes
        self.requests: list[tuple[str, str, str | None]] = []

    @property
    def storage_url(self) -> str:
        return f'http://localhost:{self.server_port}/storage'  # another host than the hub's, as in life

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.server_port}'


class HubHandler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.server.requests.append(('HEAD', self.path, None))
        self.send_response(302)
        self.send_header('Location', self.server.storage_url)
        self.send_header('X-Repo-Commit', COMMIT)
        self.send_header('X-Linked-Etag', f'"{self.server.etag}"')
        self.send_header('X-Linked-Size', str(len(CONTENT)))
        self.send_header('ETag', '"of-the-pointer"')
        self.send_header('Content-Length', '0')
        self.end_headers()

    def do_GET(self) -> None:
        if self.path.startswith('/api/'):  # what else the client asks its hub
            self.send_error(404)
            return
        self.server.requests.append(('GET', self.path, self.headers['Range']))
        if self.path != '/storage':
            self.send_response(302)
            self.send_header('Location', self.server.storage_url)
            self.send_header('Content-Length', '0')
            self.end_headers()
            return
        if self.server.fails:
            self.send_error(500)
            return
        start = int((self.headers['Range'] or 'bytes=0-').removeprefix('bytes=').split('-')[0])
        body = self.server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header('Content-Length', str(len(body)))
        self.send_header('Content-Range', f'bytes {start}-{len(self.server.content) - 1}/{len(self.server.content)}')
        self.end_headers()
        if self.server.stall_after is not None:
            self.wfile.write(body[: self.server.stall_after])
            self.wfile.flush()
            while self.server.stall_after is not None:
                time.sleep(0.05)
        self.wfile.write(body[: self.server.cut_after])
        if self.server.cut_after is not None:
            self.close_connection = True


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def dav2(tmp_path, monkeypatch, hub):
    """Run `dav2 ARGS` in a process of its own, with an empty home and our hub."""
    monkeypatch.setenv('DAV2_HOME', str(tmp_path))
    monkeypatch.setenv('HF_ENDPOINT', hub.url)
    for name in ('http_proxy', 'https_proxy', 'all_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'HF_HUB_OFFLINE'):
        monkeypatch.delenv(name, raising=False)

    def run(*args: str, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, '-m', 'dav2_ros.commands.app', *args],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=Path(__file__).parents[2],
            env={**os.environ, **environment},
        )

    return run


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob('*') if path.is_file())


def assert_refused(run: subprocess.CompletedProcess) -> str:
    """Exit status 1, and one sentence, not a traceback, as the last line of stderr."""
    assert run.returncode == 1, run.stderr
    assert 'Traceback' not in run.stderr
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith('dav2: ') and last.endswith('.')
    return last


def test_list_names_every_model_with_its_licence_and_whether_it_is_here(dav2):
    path = local_path(REGISTRY['v2-base'])
    path.parent.mkdir(parents=True)
    path.write_bytes(b'x')
    lines = {line.split()[0]: line.split() for line in dav2('models', 'list').stdout.splitlines()[1:]}
    assert set(lines) == set(REGISTRY)
    assert lines['v2-base'][1:] == ['vitb', 'relative', '-', 'CC-BY-NC-4.0', 'yes']
    assert lines['v2-metric-indoor-small'][1:] == ['vits', 'metric', '20', 'm', 'Apache-2.0', '-']


def test_show_tells_what_the_tensors_do_not(dav2):
    shown = dav2('models', 'show', 'v2-metric-outdoor-large').stdout
    for fact in ('vitl', 'metres, up to 80', '1001.5 px at 518 px', 'CC-BY-NC-4.0 (no commercial use)', 'not pinned'):
        assert fact in shown
    assert str(local_path(REGISTRY['v2-metric-outdoor-large'])) in shown and 'not here yet' in shown


@pytest.mark.skipif(not BUNDLED_FILE.is_file(), reason='the bundled weights are not in this checkout')
def test_the_bundled_model_is_shown_and_needs_no_fetching(dav2, hub):
    assert 'ships with dav2_ros' in dav2('models', 'show', BUNDLED).stdout
    assert str(BUNDLED_FILE) in dav2('models', 'fetch', BUNDLED).stdout
    assert hub.requests == []


@pytest.mark.parametrize('command', ['show', 'fetch'])
def test_an_unknown_name_is_answered_with_the_known_ones(dav2, command):
    assert 'v2-small' in assert_refused(dav2('models', command, 'v9'))


def test_fetch_brings_the_file_its_hash_and_its_licence(dav2, hub, tmp_path):
    info = REGISTRY['v2-small']
    done = dav2('models', 'fetch', 'v2-small')
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ['v2-small is under Apache-2.0.', str(local_path(info))]
    assert local_path(info).read_bytes() == CONTENT
    assert files(tmp_path) == sorted([info.file, hash_record(local_path(info)).name])
    check = subprocess.run(['sha256sum', '-c', hash_record(local_path(info)).name], cwd=local_path(info).parent)
    assert check.returncode == 0
    # The bytes are those of the commit whose hash was asked for, not of whatever main is by then.
    assert hub.requests[0][:2] == ('HEAD', f'/{info.repo}/resolve/main/{info.file}')
    assert hub.requests[1][:2] == ('GET', f'/{info.repo}/resolve/{COMMIT}/{info.file}')


def test_what_was_fetched_is_not_fetched_again(dav2, hub):
    dav2('models', 'fetch', 'v2-small')
    hub.requests.clear()
    assert dav2('models', 'fetch', 'v2-small').returncode == 0
    assert hub.requests == []


def test_non_commercial_weights_are_only_fetched_when_their_licence_is_accepted(dav2, hub, tmp_path):
    refusal = assert_refused(dav2('models', 'fetch', 'v2-metric-indoor-large'))
    assert all(word in refusal for word in ('CC-BY-NC-4.0', '--accept-non-commercial', 'v2-metric-indoor-small'))
    assert hub.requests == [] and files(tmp_path) == []
    assert dav2('models', 'fetch', 'v2-metric-indoor-large', '--accept-non-commercial').returncode == 0
    assert local_path(REGISTRY['v2-metric-indoor-large']).is_file()


def test_a_corrupt_download_is_refused_and_leaves_nothing(dav2, hub, tmp_path):
    hub.content = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    refusal = assert_refused(dav2('models', 'fetch', 'v2-small'))
    assert SHA256 in refusal and 'nothing was kept' in refusal
    assert files(tmp_path) == []
    hub.content = CONTENT
    assert dav2('models', 'fetch', 'v2-small').returncode == 0


def test_a_connection_that_breaks_is_resumed_within_one_fetch(dav2, hub):
    hub.cut_after = 11_000_000
    done = dav2('models', 'fetch', 'v2-small')
    assert done.returncode == 0, done.stderr
    assert local_path(REGISTRY['v2-small']).read_bytes() == CONTENT
    ranges = [asked for method, path, asked in hub.requests if path == '/storage']
    assert ranges[0] is None and int(ranges[1].removeprefix('bytes=').split('-')[0]) > 0


def test_an_interrupted_fetch_goes_on_with_the_next(dav2, hub, tmp_path):
    hub.fails = True
    part = local_path(REGISTRY['v2-small'])
    part = part.with_name(f'{part.name}.{SHA256[:12]}.part')
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:1_234_567])
    assert_refused(dav2('models', 'fetch', 'v2-small'))
    assert part.stat().st_size == 1_234_567 and not local_path(REGISTRY['v2-small']).exists()
    hub.fails = False
    hub.requests.clear()
    assert dav2('models', 'fetch', 'v2-small').returncode == 0
    assert {asked for method, path, asked in hub.requests if path == '/storage'} == {'bytes=1234567-'}
    assert local_path(REGISTRY['v2-small']).read_bytes() == CONTENT
    assert not any(name.endswith('.part') for name in files(tmp_path))


def test_a_killed_fetch_goes_on_with_the_next(dav2, hub, tmp_path):
    hub.stall_after = 11_000_000
    command = [sys.executable, '-m', 'dav2_ros.commands.app', 'models', 'fetch', 'v2-small']
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.DEVNULL) as process:
        part = local_path(REGISTRY['v2-small']).parent / f'{REGISTRY["v2-small"].file}.{SHA256[:12]}.part'
        deadline = time.monotonic() + 60
        while not (part.is_file() and part.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.kill()
    hub.stall_after = None
    assert files(tmp_path) == [part.name]
    kept = part.stat().st_size
    assert 0 < kept <= 11_000_000
    hub.requests.clear()
    assert dav2('models', 'fetch', 'v2-small').returncode == 0
    assert (f'bytes={kept}-') in [asked for method, path, asked in hub.requests]
    assert local_path(REGISTRY['v2-small']).read_bytes() == CONTENT


def test_a_hub_that_states_no_hash_is_not_believed(dav2, hub, tmp_path):
    hub.etag = 'abc'
    assert 'no sha-256' in assert_refused(dav2('models', 'fetch', 'v2-small'))
    assert files(tmp_path) == []


@pytest.mark.parametrize('environment', [{'HF_ENDPOINT': 'http://127.0.0.1:9'}, {'HF_HUB_OFFLINE': '1'}])
def test_offline_fetch_says_which_file_to_put_where(dav2, tmp_path, environment):
    info = REGISTRY['v2-metric-indoor-small']
    refusal = assert_refused(dav2('models', 'fetch', info.name, **environment))
    for word in (info.file, info.repo, str(local_path(info))):
        assert word in refusal
    assert files(tmp_path) == []


def test_an_unfetched_model_put_there_by_hand_counts_as_here(dav2, hub):
    path = local_path(REGISTRY['v2-small'])
    path.parent.mkdir(parents=True)
    path.write_bytes(b'by hand')
    done = dav2('models', 'fetch', 'v2-small')
    assert done.returncode == 0 and path.read_bytes() == b'by hand' and hub.requests == []


def test_help_names_the_three_commands(dav2):
    text = dav2('models', '--help').stdout
    assert all(word in text for word in ('list', 'show', 'fetch'))


def test_names_and_licences_are_read_without_torch():
    """`dav2 models list` answers at once: no heavy import."""
    code = 'import sys, dav2_ros.commands.models; sys.exit("torch" in sys.modules or "huggingface_hub" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code], cwd=Path(__file__).parents[2]).returncode == 0
