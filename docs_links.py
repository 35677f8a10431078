# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A hook of MkDocs: links from docs/ to other files of the repository, which a reader of the files can follow.

On the site they lead to `repo_url`, where mkdocs.yml has one; else the path stands there in place of the link.
"""

from __future__ import annotations

import re
from typing import Any

OUTWARD = re.compile(r'(?<!!)\[([^\]]+)\]\(\.\./([^)\s]+)\)')


def on_page_markdown(markdown: str, *, config: dict[str, Any], **_: Any) -> str:
    """Return the page with its links to files outside docs/ made ones that hold on the site."""
    home = (config['repo_url'] or '').rstrip('/')

    def led(link: re.Match[str]) -> str:
        text, path = link.groups()
        if home:
            return f'[{text}]({home}/blob/main/{path})'
        path = path.partition('#')[0]
        return text if path.endswith(text.strip('`')) else f'{text} (`{path}`)'

    return OUTWARD.sub(led, markdown)
