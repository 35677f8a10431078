# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Prepare pictures for the network: encodings, camera_info, rectification, resizing."""
