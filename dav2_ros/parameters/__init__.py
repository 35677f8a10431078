# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Define every parameter once; ROS declarations, YAML files and documents are derived from here."""
