# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The build backend: setuptools, plus the rosidl wheels where they exist and are wanted."""

from __future__ import annotations

from message import WHEELS, why_not
from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403


def _wheels() -> list[str]:
    return [] if why_not() else WHEELS


def get_requires_for_build_wheel(config_settings=None):
    """Add what generates and compiles the message to what setuptools needs."""
    return [*build_meta.get_requires_for_build_wheel(config_settings), *_wheels()]


def get_requires_for_build_editable(config_settings=None):
    """Add what generates and compiles the message to what setuptools needs."""
    return [*build_meta.get_requires_for_build_editable(config_settings), *_wheels()]
