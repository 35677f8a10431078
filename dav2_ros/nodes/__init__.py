# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run in ROS 2: the only part of the package that imports rclpy and messages."""
