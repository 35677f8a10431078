# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Annotate pairs of points on which models disagree: people say which is closer, a DA-2K of your own."""
