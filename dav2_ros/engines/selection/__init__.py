# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Choose the fastest engine that is as accurate as PyTorch in fp32."""
