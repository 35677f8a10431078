# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Hold the README to the code: its tables (test_docs.py runs it, test_topics.py has its topics)."""

from __future__ import annotations

import json
import re
from pathlib import Path

from dav2_ros.engines import ENGINES
from dav2_ros.models.registry import REGISTRY
from dav2_ros.parameter import ANY_TIME, definitions
from dav2_ros.parameters.node import DepthNodeParameters

ROOT = Path(__file__).parents[1]
README = (ROOT / 'README.md').read_text()


def test_the_first_screen_is_a_sentence_a_picture_and_three_ways_in():
    """What it is and what it looks like come first; then run, use, train."""
    assert re.match(r'# dav2_ros\n\n[^\n#]+\.\n\n!\[[^\]]+\]\([^)]+\)\n', README)
    assert re.findall(r'^## (.*)$', README, re.MULTILINE)[:3] == ['Run', 'Use from Python', 'Train']


def test_the_first_parameters_are_some_of_the_node_s():
    """All of them are in docs/parameters.md, which test_parameters.py holds to the code."""
    table = README[README.index('### Parameters') : README.index('## Engines')]
    told = re.findall(r'^\| `(\w+)`(\*?) \| `(.+?)` \| (.*) \|$', table, re.MULTILINE)
    known = definitions(DepthNodeParameters)
    assert 4 <= len(told) <= 12
    for name, star, default, meaning in told:
        each = known[name]
        assert (star == '*') == (each.changes == ANY_TIME), name
        assert (default, meaning) == (json.dumps(each.default), each.meaning)


def test_the_models_and_their_licences_are_those_of_the_registry():
    table = re.search(r'## Models and licences\n\n(.*?)\n\n', README, re.DOTALL).group(1)
    told = 0
    for row in table.splitlines()[2:]:
        names, predicts, up_to, license, _ = (cell.strip() for cell in row.strip('|').split('|'))
        for name in re.findall(r'`([^`]+)`', names):
            info = REGISTRY[name]
            assert (f'{info.max_depth_m:g} m', info.license, predicts) == (up_to, license, 'metres'), name
            told += 1
    official = [i for i in REGISTRY.values() if i.kind == 'metric' and not i.name.endswith('-hf')]
    assert told == len(official)


def test_the_engines_are_those_there_are():
    table = re.search(r'## Engines\n\n(.*?)\n\n', README, re.DOTALL).group(1)
    assert set(re.findall(r'^\| `(\w+)`', table, re.MULTILINE)) == set(ENGINES)
