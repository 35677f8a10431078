# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Make what the package ships: the demo recording, the drive of a robot, the pictures of the accuracy gate."""
