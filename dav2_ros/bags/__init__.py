# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read and write rosbag2 recordings, without ROS."""

from __future__ import annotations

from pathlib import Path

DEMO_BAG = Path(__file__).parent / 'bundled' / 'demo'  # made by training/assets/demo_bag.py


class BagError(ValueError):
    """A recording that is missing, damaged, or does not hold what was asked for; one sentence with the remedy."""

    def __init__(self, sentence: str) -> None:
        super().__init__(' '.join(sentence.split()))  # what others say of damage may fill lines
