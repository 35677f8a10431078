# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Filter what the server answers at all: Gradio has more routes than this page needs."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

API = '/gradio_api'
READ = re.compile(
    r'/(config/?|theme\.css|favicon\.ico|manifest\.json|robots\.txt|(assets|static)/.*)?'
    rf'|{API}/(info/?|app_id/?|theme\.css|startup-events|upload_progress|queue/(data|status)|heartbeat/\w+|call/\w+/\w+)'
)
WRITE = re.compile(rf'{API}/(upload|queue/join|cancel|reset/?|call/(v2/)?\w+/?)')
FILE = f'{API}/file='
MAX_QUESTION = 1_000_000  # bytes of what is no upload
# the browser itself refuses to ask anybody else; Gradio's page is made of inline scripts and styles
POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)


REFUSED = {403: b'Not allowed.', 404: b'Not here.', 411: b'How long is it?', 413: b'Too large.'}


class RequestFilter:
    """ASGI middleware: lets through what the page asks for, and files that lie in `home`.

    Args:
        app: what is behind it.
        home: the only folder that files are read from: uploads and results.
        upload_bytes: most bytes of one request that uploads.
    """

    def __init__(self, app: Any, home: Path, upload_bytes: int) -> None:
        self._app, self._home, self._upload_bytes = app, home.resolve(), upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope['type'] == 'lifespan':
            return await self._app(scope, receive, send)
        if scope['type'] != 'http':
            return  # no web sockets
        status = self._refusal(scope)
        if status:
            await self._read(receive, 0)
        elif scope['method'] == 'POST' and not scope['path'].startswith(f'{API}/upload'):
            body = await self._read(receive, MAX_QUESTION)
            status = 413 if body is None else 0 if self._names_only_uploads(body) else 403
            receive = _again(body or b'', receive)
        if status:
            await _refuse(status, send)
        else:
            await self._app(scope, receive, _with_policy(send))

    async def _read(self, receive: Receive, most: int) -> bytes | None:
        """Return the body of a request, or None if it is larger, once it is over: who sends does not listen."""
        body, size, more = b'', 0, True
        while more and size <= 4 * self._upload_bytes:
            message = await receive()
            size += len(message.get('body', b''))
            body += message.get('body', b'') if size <= most else b''
            more = message.get('more_body', False)
        return body if size <= most else None

    def _refusal(self, scope: Scope) -> int:
        """Return the HTTP status that a request is refused with, 0 if it is not."""
        method, path = scope['method'], scope['path']
        if method in ('GET', 'HEAD') and path.startswith(FILE):
            return 0 if self._is_ours(path[len(FILE) :]) else 403
        if method == 'POST' and path.startswith(f'{API}/upload'):
            length = dict(scope['headers']).get(b'content-length', b'')
            if not length.isdigit():
                return 411
            return 413 if int(length) > self._upload_bytes else 0 if WRITE.fullmatch(path) else 404
        allowed = {'GET': READ, 'HEAD': READ, 'POST': WRITE}.get(method)
        return 0 if allowed and allowed.fullmatch(path) and '..' not in path else 404

    def _is_ours(self, name: str) -> bool:
        """Whether a name is that of a file below home, wherever dots and links lead."""
        try:
            path = Path(name).resolve()
            return self._home in path.parents and path.is_file()
        except (OSError, ValueError):  # too long, or a null byte
            return False

    def _names_only_uploads(self, body: bytes) -> bool:
        """Whether each file that a question names is one of ours: not another file, nor an address to fetch."""
        try:
            return all(self._is_ours(path) for path in _paths(json.loads(body or b'{}')))
        except (ValueError, RecursionError):
            return False


def _paths(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get('path') is not None:
            yield str(value['path'])
        for each in value.values():
            yield from _paths(each)
    elif isinstance(value, list):
        for each in value:
            yield from _paths(each)


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> MutableMapping[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {'type': 'http.request', 'body': body, 'more_body': False}

    return again


async def _refuse(status: int, send: Send) -> None:
    headers = [(b'content-type', b'text/plain'), (b'connection', b'close')]
    await send({'type': 'http.response.start', 'status': status, 'headers': headers})
    await send({'type': 'http.response.body', 'body': REFUSED[status]})


def _with_policy(send: Send) -> Send:
    async def sent(message: MutableMapping[str, Any]) -> None:
        if message['type'] == 'http.response.start':
            more = [
                (b'content-security-policy', POLICY.encode()),
                (b'referrer-policy', b'no-referrer'),
                (b'x-content-type-options', b'nosniff'),
            ]
            message = {**message, 'headers': [*message.get('headers', ()), *more]}
        await send(message)

    return sent
