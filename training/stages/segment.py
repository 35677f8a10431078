# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Transfer an encoder to semantic segmentation, as the papers do to show what it has learnt.

    dav2-train segment config/training/segment_cityscapes_l.yaml --out out/segment

What is special about this stage: the network is an encoder with a light decoder (segmentation_network.py), the loss is
cross entropy over labelled pixels, and pictures are judged whole, at the size of their labels, by the mean IoU.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dav2_ros.image.resize import ResizePlan
from dav2_ros.network.presets import PATCH
from dav2_training import config as configs
from dav2_training.config import ConfigError, FitConfig, Start
from dav2_training.data.augment import StrongAugmentConfig
from dav2_training.data.segmentation_batches import SegmentationBatch, SegmentationBatches
from dav2_training.data.sets.segmentation import LabelledImage, SegmentationSet, open_set
from dav2_training.loop import pretrained
from dav2_training.loop.fit import fit
from dav2_training.loop.validation import normalise
from dav2_training.stages.options import ConfigFile, Out, Steps, Threads
from dav2_training.stages.segmentation_network import ConfusionMatrix, SegmentationNetwork, cross_entropy


@dataclasses.dataclass(frozen=True)
class SegmentConfig:
    """The papers give no settings beside the encoders: all of these are ours."""

    preset: str = 'vits'
    start: Start = dataclasses.field(default_factory=Start)  # start.encoder
    set: str = 'cityscapes'  # or ade20k
    root: str = ''  # its folder
    size: int = 1022  # short side of a picture, at scale 1 and when judged; a multiple of 14
    crop: int = 770  # what a step sees, square; a multiple of 14
    scales: tuple[float, float] = (0.5, 2.0)  # of the picture before it is cropped
    width: int = 256  # channels of the decoder
    # of which the jitter is used, blur and CutMix are not
    colours: StrongAugmentConfig = dataclasses.field(default_factory=StrongAugmentConfig)
    validation_frames: int = 0  # evenly from val; 0: all
    workers: int = 4  # processes that read, scale and crop
    fit: FitConfig = dataclasses.field(default_factory=FitConfig)

    def __post_init__(self) -> None:
        for name in ('size', 'crop'):
            if getattr(self, name) % PATCH:
                raise ConfigError(f'{name} is {getattr(self, name)}: choose a multiple of {PATCH}.')


def loss(network: nn.Module, batch: SegmentationBatch) -> Tensor:
    """Return the cross entropy of a batch."""
    device = next(network.parameters()).device
    return cross_entropy(network(normalise(batch.rgb.to(device))), batch.labels.to(device))


@torch.no_grad()
def predict_classes(network: nn.Module, picture: LabelledImage, size: int) -> Tensor:
    """Name the class of every pixel of a whole picture: (H, W) int64, at the size of its labels."""
    device = next(network.parameters()).device
    plan = ResizePlan.lower_bound(*picture.labels.shape, size)
    scores = network(torch.from_numpy(plan.apply(picture.rgb).copy()).to(device)[None])
    return F.interpolate(scores.float(), picture.labels.shape, mode='bilinear', align_corners=False)[0].argmax(0).cpu()


def confusion_matrix(network: nn.Module, held_out: SegmentationSet, frames: int, size: int) -> ConfusionMatrix:
    """Judge `frames` pictures, evenly spread, or all; pixels count alike, whatever their picture."""
    count = min(frames or len(held_out), len(held_out))
    pictures = (held_out[i * len(held_out) // count] for i in range(count))
    found = (
        ConfusionMatrix.of(predict_classes(network, each, size), torch.from_numpy(each.labels), held_out.classes)
        for each in pictures
    )
    return sum(found, ConfusionMatrix(torch.zeros(held_out.classes, held_out.classes, dtype=torch.int64)))


def train(config: SegmentConfig, out: Path, after_step: Callable[[int], None] = lambda step: None) -> ConfusionMatrix:
    """Train as configured; last.pt holds encoder and decoder. Return how the pictures of val are named at the end."""
    f = config.fit
    source, held_out = (open_set(config.set, config.root, split) for split in ('train', 'val'))
    torch.manual_seed(f.seed)
    network = SegmentationNetwork(config.preset, source.classes, config.width)
    if config.start.model:
        raise ConfigError('Segmentation starts from an encoder: set start.encoder, not start.model.')
    if config.start.encoder:
        pretrained.load_encoder(network.pretrained, config.preset, config.start.encoder)
    else:
        pretrained.init_encoder_from_scratch(network.pretrained)
    feed = SegmentationBatches(
        source, config.size, config.crop, config.scales, f.batch, config.colours, f.seed, config.workers
    )
    judged: list[ConfusionMatrix] = []

    def validate(model: nn.Module) -> str:
        judged[:] = [confusion_matrix(model, held_out, config.validation_frames, config.size)]
        return f'mIoU {judged[0].mean_iou():.4f}, pixels right {judged[0].accuracy():.4f}'

    fit(network, f, feed, loss, validate, out, after_step, described=config)
    if not judged:  # the run was over before
        validate(network.eval())
    return judged[0]


def main(config: ConfigFile, out: Out, steps: Steps = None, threads: Threads = None) -> None:
    """Transfer an encoder to Cityscapes or ADE20K; run again to resume."""
    chosen = configs.load(SegmentConfig, config, steps=steps, threads=threads)
    print(f'mIoU {100 * train(chosen, out).mean_iou():.2f} %')
