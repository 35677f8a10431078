# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run the demo: the bundled recording through the depth node on a real ROS 2 graph, and what came out of it."""
