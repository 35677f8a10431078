# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Render endless scenes with exact depth: composition, ray casting, textures, cameras and their faults."""
