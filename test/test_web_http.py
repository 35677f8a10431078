# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The page of `dav2 web` over HTTP: what it estimates, and what it never gives away."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from page_server import ROOT, draw, film, served

from dav2_ros.camera import Camera
from dav2_ros.estimator import DepthEstimator
from dav2_ros.frames import Frame
from dav2_ros.media.images import read_depth_png
from dav2_ros.models import checkpoints

pytest.importorskip('gradio', reason='Gradio is not installed (pip: the extra web)')
client_of = pytest.importorskip('gradio_client', reason='Gradio is not installed (pip: the extra web)')
CONTROLS = ('random', 'torch', 60, 0.5, 40)


@pytest.fixture(scope='module')
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp('server')


@pytest.fixture(scope='module')
def address(home, random_model) -> Iterator[str]:
    with served(home, random_model, '--max-upload', 1, '--max-frames', 6) as address:
        yield address
    assert not list(home.glob('dav2_web_*'))  # all uploads and results are gone


@pytest.fixture(scope='module')
def client(address, tmp_path_factory):
    return client_of.Client(address, verbose=False, download_files=str(tmp_path_factory.mktemp('downloads')))


@pytest.fixture(scope='module')
def photo(tmp_path_factory) -> Path:
    return draw(tmp_path_factory.mktemp('photos') / 'my photo.png')


def ask(address: str, method: str, path: str, body: bytes = b'', **headers: str) -> tuple[int, str]:
    """Send a request as it is written, with no dots removed; return status and text."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=120)
    connection.request(method, path, body or None, headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode(errors='replace')


def upload(address: str, name: str, data: bytes) -> tuple[int, str]:
    head = f'--line\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    body = head.encode() + data + b'\r\n--line--\r\n'
    return ask(address, 'POST', '/gradio_api/upload', body, **{'Content-Type': 'multipart/form-data; boundary=line'})


@pytest.fixture(scope='module')
def estimated(client, photo) -> tuple:
    return client.predict(client_of.handle_file(photo), *CONTROLS, api_name='/estimate')


class TestEstimates:
    def test_downloads_are_what_the_estimator_says(self, estimated, photo, random_model, one_thread):
        files = {Path(path).name.rpartition('_')[2]: Path(path) for path in estimated[-1]}
        rgb = np.ascontiguousarray(cv2.imread(str(photo))[..., ::-1])
        with DepthEstimator(checkpoints.load(random_model), engine='torch', precision='fp32') as estimator:
            depth, _ = estimator.estimate(Frame(rgb, Camera.from_hfov(90, 60, np.radians(60))))
        z_m = np.load(files['depth.npy'])
        np.testing.assert_allclose(z_m, depth.z_m, rtol=1e-4)
        known = np.isfinite(z_m)
        assert known.any()
        np.testing.assert_allclose(read_depth_png(files['depth.png'])[known], z_m[known], atol=6e-4)
        assert files['cloud.ply'].read_bytes().startswith(b'ply\n')
        assert cv2.imread(str(files['0.5-40m.png'])).shape == (60, 90, 3)
        assert '90x60 pixels' in estimated[0] and 'random with torch' in estimated[0]

    def test_a_click_is_answered_from_the_visitors_own_picture(self, address, client, estimated):
        z_m = np.load(next(path for path in estimated[-1] if path.endswith('depth.npy')))
        assert self.read(address, client.session_hash, (41, 23)).startswith(f'Pixel (41, 23): {z_m[23, 41]:.3f} m')
        assert self.read(address, client.session_hash, (91, 0)) == 'Pixel (91, 0) is outside of 90x60.'
        assert self.read(address, client.session_hash, (90, 60)).startswith('Pixel (89, 59): ')  # the corner
        assert self.read(address, 'somebodyelse', (41, 23)).startswith('There is no depth yet')

    def read(self, address: str, session: str, pixel: tuple[int, int]) -> str:
        """Do what the browser does at a click, and return what the page is told."""
        config = json.loads(ask(address, 'GET', '/config')[1])
        number = next(each['id'] for each in config['dependencies'] if each['api_name'] == 'read')
        data = {
            'data': [None],
            'event_data': {'index': pixel, 'value': None},
            'fn_index': number,
            'session_hash': session,
        }
        headers = {'Content-Type': 'application/json'}
        status, text = ask(address, 'POST', '/gradio_api/queue/join', json.dumps(data).encode(), **headers)
        assert status == 200, text
        _, events = ask(address, 'GET', f'/gradio_api/queue/data?session_hash={session}')
        messages = [json.loads(line[6:]) for line in events.splitlines() if line.startswith('data: ')]
        output = next(each['output'] for each in messages if each['msg'] == 'process_completed')
        return output['error'] if output.get('error') else output['data'][0]

    def test_a_fitted_range_is_that_of_the_picture(self, client, estimated):
        z_m = np.load(next(path for path in estimated[-1] if path.endswith('depth.npy')))
        near_m, far_m, *_ = client.predict(api_name='/fit')
        assert (near_m, far_m) == pytest.approx(np.percentile(z_m[np.isfinite(z_m)], (1, 99)), rel=0.006)

    def test_a_batch_and_a_video(self, client, photo, tmp_path):
        pytest.importorskip('av', reason='PyAV is not installed (pip: the extra video)')
        files = [client_of.handle_file(each) for each in (photo, draw(tmp_path / 'b.png'))]
        failures, gallery, archive = client.predict(files, *CONTROLS, api_name='/batch')
        assert failures == '' and len(gallery) == 2 and archive.endswith('.zip')
        clip = {'video': client_of.handle_file(film(tmp_path / 'c.mp4', 3))}
        try:
            shown, file, _ = client.predict(clip, *CONTROLS, api_name='/video')
        except (ValueError, TypeError, client_of.exceptions.AppError):  # Gradio 5 and 6 differ in what they take
            shown, file, _ = client.predict(clip['video'], *CONTROLS, api_name='/video')
        assert Path(file).name == 'c_depth.mp4' and shown


class TestErrors:
    @pytest.mark.parametrize(
        ('change', 'said'),
        [
            ({3: 5, 4: 2}, 'From 5 m to 2 m is no range: choose 0 < near < far.'),
            ({2: 0}, 'A field of view of 0 degrees is none: choose 1 to 179.'),
        ],
    )
    def test_what_cannot_be_is_a_sentence(self, client, photo, change, said):
        controls = [change.get(k, each) for k, each in enumerate(CONTROLS)]
        with pytest.raises(client_of.exceptions.AppError) as error:
            client.predict(client_of.handle_file(photo), *controls, api_name='/estimate')
        assert said in str(error.value)

    def test_a_bad_picture_is_a_sentence_without_the_servers_folders(self, client, tmp_path):
        (tmp_path / 'bad.png').write_text('no picture')
        with pytest.raises(client_of.exceptions.AppError) as error:
            client.predict(client_of.handle_file(tmp_path / 'bad.png'), *CONTROLS, api_name='/estimate')
        assert 'bad.png cannot be read: it is not a whole picture' in str(error.value)
        assert '/' not in str(error.value)

    def test_a_model_that_is_not_here_cannot_be_had(self, client, photo):
        with pytest.raises(client_of.exceptions.AppError) as error:
            client.predict(client_of.handle_file(photo), 'v2-metric-outdoor-base', *CONTROLS[1:], api_name='/estimate')
        assert "'v2-metric-outdoor-base' is not a metric model of this machine: choose one of random" in str(
            error.value
        )


class TestDoor:
    @pytest.mark.parametrize(
        'prefix', ['/gradio_api/file=', '/file=', '/gradio_api/file/', '/static/', '/assets/', '/']
    )
    @pytest.mark.parametrize(
        'name',
        [
            '/etc/passwd',
            '../../../../../../../etc/passwd',
            '..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd',
            '%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd',
            '%252e%252e/%252e%252e/%252e%252e/etc/passwd',
            f'{ROOT}/README.md',
            'README.md',
            'file:///etc/passwd',
            'http://127.0.0.1:1/x',
            'https://example.com/',
        ],
    )
    def test_no_file_of_the_server_is_given_away(self, address, prefix, name):
        status, text = ask(address, 'GET', prefix + name)
        assert status in (403, 404)
        assert 'root:' not in text and 'dav2_ros' not in text
        if prefix not in ('/static/', '/assets/'):  # where Gradio looks itself, in its own folder
            assert text in ('Not allowed.', 'Not here.')  # of our door: nobody behind it was asked

    def test_neither_are_folders_nor_neighbours_of_the_uploads(self, address, home, photo):
        status, text = upload(address, 'a.png', photo.read_bytes())
        assert status == 200
        (path,) = json.loads(text)
        assert ask(address, 'GET', f'/gradio_api/file={path}')[0] == 200
        (home / 'secret.txt').write_text('secret')
        (ours,) = home.glob('dav2_web_*')
        os.symlink(home / 'secret.txt', ours / 'link.txt')
        for name in (ours, f'{ours}/..', f'{ours}/../secret.txt', f'{path}/../../../secret.txt', f'{ours}/link.txt'):
            assert ask(address, 'GET', f'/gradio_api/file={name}')[0] == 403

    @pytest.mark.parametrize('path', ['/etc/passwd', 'http://127.0.0.1:1/a.png', 'https://example.com/a.png', ''])
    def test_a_question_names_only_uploads(self, address, path):
        picture = {'path': path, 'meta': {'_type': 'gradio.FileData'}}
        for where in ('queue/join', 'call/estimate', 'call/v2/estimate'):
            body = json.dumps({'data': [picture, *CONTROLS], 'fn_index': 0, 'session_hash': 'x'}).encode()
            answer = ask(address, 'POST', f'/gradio_api/{where}', body, **{'Content-Type': 'application/json'})
            assert answer == (403, 'Not allowed.')

    def test_a_name_does_not_choose_where_an_upload_lies(self, address, home):
        for name in ('../../evil.png', '/etc/evil.png', '..'):
            status, text = upload(address, name, b'x')
            assert status in (200, 400)
            assert all(next(home.glob('dav2_web_*')) in Path(path).resolve().parents for path in json.loads(text)
                       if status == 200)  # fmt: skip
        assert not (home / 'evil.png').exists() and not (home.parent / 'evil.png').exists()

    def test_what_is_too_large_stays_outside(self, address):
        assert upload(address, 'large.png', bytes(1_200_000)) == (413, 'Too large.')
        assert upload(address, 'large.png', bytes(1_050_000))[0] == 413  # Gradio's own limit is exact
        assert ask(address, 'POST', '/gradio_api/queue/join', bytes(1_000_001)) == (413, 'Too large.')

    @pytest.mark.parametrize(
        'path',
        ['/docs', '/openapi.json', '/monitoring', '/gradio_api/proxy=http://127.0.0.1:1/', '/gradio_api/deep_link',
         '/gradio_api/vibe-code', '/gradio_api/runs', '/gradio_api/dev/reload', '/gradio_api/process_recording'],
    )  # fmt: skip
    def test_doors_of_gradio_that_the_page_needs_not_are_shut(self, address, path):
        for method in ('GET', 'POST', 'PUT', 'DELETE'):
            assert ask(address, method, path) == (404, 'Not here.')

    def test_the_browser_is_told_to_ask_nobody_else(self, address):
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=120)
        connection.request('GET', '/')
        policy = connection.getresponse().headers['content-security-policy']
        assert policy.startswith("default-src 'self' ")
        assert '//' not in policy and '*' not in policy
