# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The other world: the same geometry, told by other pictures, on which a network of this world does worse."""

import numpy as np
import torch

from dav2_ros.evaluation.metrics import depth_metrics, mean
from dav2_ros.models import checkpoints
from dav2_ros.network.dpt import DepthAnything
from dav2_training.data.procedural.domain_shift import ShiftedScenes
from dav2_training.data.procedural.procedural import ProceduralScenes
from dav2_training.stages.metric import normalise

SEED, NUMBERS = 1_000_003, range(12)


def test_without_a_shift_depth_is_that_of_the_same_scene():
    here, there = ProceduralScenes(SEED).batch(NUMBERS), ShiftedScenes(SEED, shift=0.0).batch(NUMBERS)
    assert torch.equal(here.z_m, there.z_m)
    assert torch.equal(here.f_px, there.f_px)


def test_a_frame_is_the_same_in_every_batch_and_no_two_are_alike():
    together, alone = ShiftedScenes(SEED).batch(NUMBERS), ShiftedScenes(SEED).batch([7])
    assert torch.equal(together.rgb[7], alone.rgb[0])
    assert torch.equal(together.z_m[7], alone.z_m[0])
    assert len({frame.numpy().tobytes() for frame in together.rgb}) == len(NUMBERS)


def test_the_further_the_shift_the_worse_a_network_of_this_world():
    model = checkpoints.load('vitt-procedural')
    network = DepthAnything('vitt', model.info.max_depth_m).eval()
    network.load_state_dict(model.state_dict)

    def error(frames) -> float:
        with torch.no_grad():
            z_m = network(normalise(frames.rgb)) * (frames.f_px / model.info.f_train_px)[:, None, None]
        return mean([depth_metrics(p, t) for p, t in zip(z_m.numpy(), frames.z_m.numpy())]).abs_rel

    by_shift = [error(ShiftedScenes(SEED, shift=shift).batch(NUMBERS)) for shift in (0.0, 0.5, 1.0)]
    assert by_shift == sorted(by_shift)
    assert by_shift[-1] > 1.5 * by_shift[0]


def test_pictures_stay_pictures():
    rgb = ShiftedScenes(SEED, 84, 112).batch(NUMBERS).rgb
    assert rgb.shape == (len(NUMBERS), 84, 112, 3)
    assert rgb.dtype == torch.uint8
    assert min(np.ptp(frame.numpy()) for frame in rgb) > 40  # not black, not white
