# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Keep an encoder near the one it came from."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def feature_alignment(features: Tensor, frozen: Tensor, margin: float = 0.85) -> Tensor:
    """Mean 1 - cos of two sets of tokens, where cos is not above `margin` (Depth Anything, section 3.3): (B,).

    Tokens that already agree are left out, for depth needs to tell parts of an object apart that DINOv2 does not.

    Args:
        features, frozen: (B, N, D); no gradient reaches `frozen`.
    """
    kind = torch.promote_types(features.dtype, torch.float32)
    cosine = F.cosine_similarity(features.to(kind), frozen.detach().to(kind), dim=-1)  # (B, N, D) -> (B, N)
    off = cosine <= margin
    return torch.where(off, 1.0 - cosine, 0.0).sum(1) / off.sum(1).clamp_min(1)
