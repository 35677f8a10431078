# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run `python -m dav2_training`, which is `dav2-train`: what torchrun starts."""

from dav2_training.cli import main

if __name__ == '__main__':
    main()
