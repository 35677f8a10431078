# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures: reading photos, writing depth maps as files, and making both visible."""
