# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run the model as people run it today, each way as its own documentation has it, with our weights.

A way is entered, then called: (B, H, W, 3) uint8 BGR -> (B, H, W) float32, what the network predicts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dav2_ros.engines import cache
from dav2_ros.engines.engine import EngineError
from dav2_ros.engines.export.graphs import OPSET
from dav2_ros.engines.export.keys import GRAPH
from dav2_ros.image.resize import MEAN, STD, ResizePlan
from dav2_ros.models.checkpoints import Checkpoint, build
from dav2_ros.models.huggingface import to_huggingface
from dav2_ros.network.presets import PATCH, PRESETS


def published_preprocessing(bgr: np.ndarray, plan: ResizePlan) -> np.ndarray:
    """Turn (H, W, 3) uint8 BGR into (1, 3, h, w) float32 as the published code does, most of it in float64.

    (Depth-Anything-V2 depth_anything_v2/dpt.py, image2tensor; util/transform.py.)
    """
    picture = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB) / 255.0
    picture = cv2.resize(picture, (plan.net_width, plan.net_height), interpolation=cv2.INTER_CUBIC)
    picture = (picture - MEAN.astype(np.float64)) / STD.astype(np.float64)
    return np.ascontiguousarray(picture.transpose(2, 0, 1)).astype(np.float32)[None]  # (h, w, 3) -> (1, 3, h, w)


class EagerBaseline:
    """The published code: eager PyTorch in fp32, attention written out, the position embedding resized each time.

    Args:
        checkpoint, plan: weights, and how pictures reach the network.
        device: of PyTorch; the picture is prepared on the CPU all the same.
        autocast: let PyTorch choose half precision, fp16 on a GPU and bf16 on a CPU, as users do around `infer_image`.
    """

    engine = None  # none of ours

    def __init__(self, checkpoint: Checkpoint, plan: ResizePlan, device: str = 'cpu', autocast: bool = False) -> None:
        _needs('torch', 'PyTorch', 'torch')
        self._checkpoint, self._plan, self._device, self._autocast = checkpoint, plan, device, autocast

    def __enter__(self) -> EagerBaseline:
        self._network: Any = build(self._checkpoint).explicit_attention().to(self._device)
        return self

    def __exit__(self, *exc: object) -> None:
        self._network = None

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        import torch
        import torch.nn.functional as F

        kind, size = self._device.partition(':')[0], (self._plan.height, self._plan.width)
        images = (torch.from_numpy(published_preprocessing(bgr, self._plan)).to(self._device) for bgr in pictures)
        with torch.no_grad(), torch.autocast(kind, enabled=self._autocast):
            depths = [self._network(image) for image in images]
            depths = [
                F.interpolate(depth[:, None], size, mode='bilinear', align_corners=True)[:, 0] for depth in depths
            ]
            return torch.cat(depths).float().cpu().numpy()


class OnnxBaseline:
    """ONNX Runtime as it comes, on the network exported as it is; its depth is resized as OpenCV does by default."""

    engine = None  # none of ours

    def __init__(self, checkpoint: Checkpoint, plan: ResizePlan) -> None:
        for module in ('onnxruntime', 'torch', 'onnx', 'onnxscript'):
            _needs(module, module, 'torch' if module == 'torch' else 'dav2_ros[onnx]')
        self._checkpoint, self._plan = checkpoint, plan

    def __enter__(self) -> OnnxBaseline:
        import onnxruntime

        info, plan = self._checkpoint.info, self._plan
        shape = (plan.net_height, plan.net_width)
        key = cache.CacheKey(info.name, self._checkpoint.sha256, 'plain-onnx', GRAPH, (0, 0), shape)
        folder = cache.obtain(key, lambda made: _export(self._checkpoint, plan, made / 'model.onnx'))
        self._session = onnxruntime.InferenceSession(str(folder / 'model.onnx'), providers=['CPUExecutionProvider'])
        return self

    def __exit__(self, *exc: object) -> None:
        self._session = None

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        size = (self._plan.width, self._plan.height)
        images = (published_preprocessing(bgr, self._plan) for bgr in pictures)
        return np.stack([cv2.resize(self._session.run(None, {'image': image})[0][0], size) for image in images])


def _export(checkpoint: Checkpoint, plan: ResizePlan, path: Path) -> None:
    """Write the network as it is: `engines.export.export` folds it."""
    import torch

    h, w = plan.net_height, plan.net_width
    network = build(checkpoint).explicit_attention()
    network.pretrained.bake_position_embedding(h // PATCH, w // PATCH)  # as the folding of constants does
    torch.onnx.export(
        network,
        (torch.zeros(1, 3, h, w),),
        str(path),
        input_names=['image'],
        output_names=['depth'],
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )


class TransformersBaseline:
    """The depth-estimation pipeline of transformers, its own resizing (Pillow) and its grey picture included."""

    engine = None  # none of ours

    def __init__(self, checkpoint: Checkpoint, plan: ResizePlan) -> None:
        _needs('transformers', 'transformers', 'transformers')
        _needs('PIL', 'Pillow', 'pillow')
        if PRESETS[checkpoint.info.preset].swiglu:
            raise EngineError(f'transformers has no {checkpoint.info.preset}: leave --against out.')
        self._checkpoint, self._plan = checkpoint, plan

    def __enter__(self) -> TransformersBaseline:
        import transformers

        transformers.logging.set_verbosity_error()
        info, plan = self._checkpoint.info, self._plan
        model = transformers.DepthAnythingForDepthEstimation(_config(info.preset, info.kind == 'metric')).eval()
        model.head.max_depth = info.max_depth_m  # their configuration takes whole numbers only
        theirs = to_huggingface(self._checkpoint.state_dict, model.state_dict())
        model.load_state_dict({name: tensor.float() for name, tensor in theirs.items()}, strict=True)
        processor = transformers.DPTImageProcessor(
            size={'height': plan.net_height, 'width': plan.net_width},
            resample=3,  # bicubic, as in the published preprocessor_config.json
            keep_aspect_ratio=False,  # the size is that of our plan: at some shapes their rule takes another one
            image_mean=MEAN.tolist(),
            image_std=STD.tolist(),
        )
        self._pipeline = transformers.pipeline('depth-estimation', model=model, image_processor=processor, device='cpu')
        return self

    def __exit__(self, *exc: object) -> None:
        self._pipeline = None

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        from PIL import Image

        images = [Image.fromarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)) for bgr in pictures]
        return np.stack([self._pipeline(image)['predicted_depth'].numpy() for image in images])


def _config(preset: str, is_metric: bool) -> Any:
    """Describe our preset to transformers, which counts the tapped layers from 1."""
    from transformers import DepthAnythingConfig, Dinov2Config

    p = PRESETS[preset]
    backbone = Dinov2Config(
        hidden_size=p.embed_dim,
        num_hidden_layers=p.blocks,
        num_attention_heads=p.heads,
        image_size=PATCH * p.grid,
        patch_size=PATCH,
        out_indices=[tap + 1 for tap in p.taps],
        apply_layernorm=True,
        reshape_hidden_states=False,
    )
    return DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=p.embed_dim,
        neck_hidden_sizes=list(p.out_channels),
        fusion_hidden_size=p.features,
        depth_estimation_type='metric' if is_metric else 'relative',
    )


def _needs(module: str, name: str, package: str) -> None:
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise EngineError(f"This comparison needs {name}: `pip install '{package}'`.")
