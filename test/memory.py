# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Code for a process of a test's own to tell its memory."""

# getrusage's ru_maxrss will not do: across fork and exec a process keeps the peak of the one that started it.
PEAK_KB = "int(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
