# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Metric depth images and point clouds from one camera, with Depth Anything V2, in ROS 2 and without it."""
