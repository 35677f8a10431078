# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every link of the documentation leads somewhere, in the files and on the site that is made of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip('mkdocs', reason='mkdocs is not installed (pip: the extra docs)')
pytest.importorskip('material', reason='mkdocs-material is not installed (pip: the extra docs)')

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / 'docs').glob('*.md'))
DOCUMENTS = [*(ROOT / n for n in ('README.md', 'CONTRIBUTING.md', 'training/README.md')), *PAGES]


def anchors_of(document: Path) -> set[str]:
    """Return the anchors that a reader of the file in a repository has: titles in small letters, with hyphens."""
    text = re.sub(r'^```.*?^```', '', document.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r'^#+ (.*)$', text, re.MULTILINE)
    return {re.sub(r'[^\w -]', '', title).lower().replace(' ', '-') for title in titles}


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_of_a_file_leads_somewhere(document):
    for target in re.findall(r'\]\(([^)\s]+)\)', document.read_text()):
        path, _, anchor = target.partition('#')
        if '://' not in path:
            there = document.parent / path if path else document
            assert there.exists(), target
            assert not anchor or anchor in anchors_of(there), target


class Page(HTMLParser):
    """What a page links to, what it loads, and its anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors |= {found[name] for name in ('id', 'name') if found.get(name)}
        if tag == 'a' and found.get('href'):
            self.links.append(found['href'])
        if tag in ('img', 'script', 'link') and (found.get('src') or found.get('href')):
            self.loads.append(found.get('src') or found['href'])


@pytest.fixture(scope='module')
def site(tmp_path_factory) -> dict[Path, Page]:
    """Build the site as `make docs` does; warnings are errors."""
    folder = tmp_path_factory.mktemp('site')
    command = [sys.executable, '-m', 'mkdocs', 'build', '--strict', '--site-dir', str(folder)]
    environment = {**os.environ, 'NO_MKDOCS_2_WARNING': '1'}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and 'WARNING' not in done.stderr, done.stdout + done.stderr
    return {path: Page(path) for path in folder.glob('*.html')}


def test_every_page_is_on_the_site_and_in_its_menu(site):
    names = {path.name for path in site}
    assert names == {f'{page.stem}.html' for page in PAGES} | {'404.html'}
    (start,) = (page for path, page in site.items() if path.name == 'index.html')
    assert names - {'404.html', 'index.html'} <= set(start.links)


def test_every_link_of_the_site_leads_somewhere(site):
    followed = 0
    for path, page in site.items():
        for target in page.links if path.name != '404.html' else []:
            parts = urlsplit(target)
            if not parts.scheme:
                there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
                there = there / 'index.html' if there.is_dir() else there
                assert there.is_file(), f'{path.name}: {target}'
                assert not parts.fragment or unquote(parts.fragment) in site[there].anchors, f'{path.name}: {target}'
                followed += 1
    assert followed > 100


def test_the_site_loads_nothing_from_elsewhere(site):
    for path, page in site.items():
        for load in page.loads if path.name != '404.html' else []:
            assert not urlsplit(load).netloc, f'{path.name}: {load}'
            assert (path.parent / unquote(urlsplit(load).path)).is_file(), f'{path.name}: {load}'
