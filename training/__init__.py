# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Train models for dav2_ros, imported as `dav2_training`; the runtime never imports it."""

import os

# Before torch is imported: OpenMP threads that spin while they wait take the cores of whoever renders or reads.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
