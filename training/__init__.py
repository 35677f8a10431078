# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Training for dav2_ros, imported as `dav2_training`; the runtime never imports it."""
