# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What all tests share: property tests without a clock (the machine may be busy), the same on every run."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile('house', deadline=None, derandomize=True, max_examples=50)
settings.load_profile('house')
