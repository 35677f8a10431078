# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The ROS 2 side: the only part of the package that imports rclpy and messages."""
