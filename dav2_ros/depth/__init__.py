# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Turn what the network returns into depth that can be used: metres, confidence, flying pixels, stabilisation."""
