# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run `dav2 bench`: every engine of this machine, and the ways people run the model today, in turns."""
