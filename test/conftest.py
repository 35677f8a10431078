# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What all tests share.

Property tests run without a clock (the machine may be busy), the same on every run. Tests on the ROS graph have a
domain of their own on this host, and depth nodes in processes of their own.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile('house', deadline=None, derandomize=True, max_examples=50)
settings.load_profile('house')
# A shell has what it starts in the background ignore Ctrl-C, and children inherit that: none of ours would end.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was skipped and why, once per reason; a file that is skipped as a whole counts as one."""
    reports = terminalreporter.stats.get('skipped', ())
    reasons = Counter(report.longrepr[2].removeprefix('Skipped: ') for report in reports)
    if reasons:
        terminalreporter.section('skipped', '=')
        for reason, count in reasons.most_common():
            terminalreporter.write_line(f'{count:4} {reason}')


@pytest.fixture(scope='session', autouse=True)
def cache_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Engines that one test builds and proves serve the next ones, here and in their processes, and nobody else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('DAV2_CACHE', str(tmp_path_factory.mktemp('engines')))
        yield


@pytest.fixture(scope='module')
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: small networks are faster so, and sums have one order."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope='session')
def graph() -> Iterator[Any]:
    """Yield an rclpy context on a domain that nobody else is likely to use, or skip."""
    rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
    pytest.importorskip('dav2_ros.msg', reason='dav2_ros.msg is not built (pip install builds it)')
    from rclpy.context import Context

    domain = random.SystemRandom().randint(1, 100)  # above 101 its ports may be the system's ephemeral ones
    os.environ |= {
        'ROS_DOMAIN_ID': str(domain),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'ROS_LOCALHOST_ONLY': '1',  # the same for Humble
    }
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    yield context
    context.try_shutdown()


@pytest.fixture(scope='session')
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a small metric model with random weights, trained for a canonical camera: f_px 60 at 48 pixels of height."""
    import torch

    from dav2_ros.models import checkpoints
    from dav2_ros.models.info import ModelInfo
    from dav2_ros.network.dpt import DepthAnything

    torch.manual_seed(0)
    state_dict = DepthAnything('vitt', 20.0).state_dict()
    f_px = 60.0 * 84 / 48
    info = ModelInfo('random', 'vitt', 'metric', max_depth_m=20.0, train_size=84, f_train_px=f_px, canonical=True)
    path = tmp_path_factory.mktemp('models') / 'random.safetensors'
    checkpoints.save(path, state_dict, info)
    return path


_namespaces = (f'/robot{number}' for number in itertools.count())


@pytest.fixture(scope='module')
def start(graph: Any, random_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable]:
    """Yield a function that starts a depth node and its peer in a new namespace; both end with the module."""
    from graph.peer import BEST_EFFORT, Peer
    from graph.process import NodeProcess

    opened: list[Any] = []

    def start(*, camera: Any = BEST_EFFORT, active: bool = True, namespace: str = '', **options: Any) -> Any:
        namespace = namespace or next(_namespaces)
        log = tmp_path_factory.mktemp('log') / 'depth.txt'
        plain = {'model': random_model, 'engine': 'torch', 'precision': 'fp32'}  # nothing to build, the same everywhere
        process = NodeProcess(log, namespace, **(plain | options))
        opened.append(process)
        peer = Peer(graph, namespace, camera)
        opened.append(peer)
        if active:
            peer.wait_for_state('active')
        return process, peer

    yield start
    for each in reversed(opened):
        each.close()
