# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pairs of points on which models disagree, shown to people, who say which is closer: a DA-2K of your own."""
