# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""DINOv2's published weights are this encoder's; the objective is a mean over pictures, however they are dealt."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from dav2_ros.models import checkpoints
from dav2_ros.models.info import ModelError
from dav2_ros.network.presets import PRESETS
from dav2_ros.network.vit import VisionTransformer
from dav2_training.config import ConfigError, FitConfig, SetConfig, Start
from dav2_training.data.augment import StrongAugmentConfig
from dav2_training.data.procedural.frame_cache import ProceduralFrames
from dav2_training.data.relative_batches import RelativeBatch, RelativeBatches
from dav2_training.loop import pretrained
from dav2_training.loop.validation import normalise
from dav2_training.losses import RelativeLoss, feature_alignment, per_region
from dav2_training.stages import student
from dav2_training.stages.pseudo_label import PseudoLabelConfig, label
from dav2_training.stages.relative import ObjectiveWeights, RelativeNetwork, RelativeObjective, build_network, validator
from dav2_training.stages.student import StudentConfig


def published(dim: int, blocks: int, hidden: int, gated: bool = False) -> dict[str, tuple[int, ...]]:
    """Names and shapes in dinov2_vit{s,b,l,g}14_pretrain.pth."""
    found = {
        'cls_token': (1, 1, dim), 'pos_embed': (1, 1370, dim), 'mask_token': (1, dim),
        'patch_embed.proj.weight': (dim, 3, 14, 14), 'patch_embed.proj.bias': (dim,),
        'norm.weight': (dim,), 'norm.bias': (dim,),
    }  # fmt: skip
    first, last = ('w12', 'w3') if gated else ('fc1', 'fc2')
    for i in range(blocks):
        wide = hidden * (1 + gated)
        each = {
            'norm1.weight': (dim,), 'norm1.bias': (dim,), 'ls1.gamma': (dim,),
            'attn.qkv.weight': (3 * dim, dim), 'attn.qkv.bias': (3 * dim,),
            'attn.proj.weight': (dim, dim), 'attn.proj.bias': (dim,),
            'norm2.weight': (dim,), 'norm2.bias': (dim,), 'ls2.gamma': (dim,),
            f'mlp.{first}.weight': (wide, dim), f'mlp.{first}.bias': (wide,),
            f'mlp.{last}.weight': (dim, hidden), f'mlp.{last}.bias': (dim,),
        }  # fmt: skip
        found |= {f'blocks.{i}.{name}': shape for name, shape in each.items()}
    return found


FILES = {
    'vits': published(384, 12, 1536),
    'vitb': published(768, 12, 3072),
    'vitl': published(1024, 24, 4096),
    'vitg': published(1536, 40, 4096, gated=True),
}


def random_file(preset: str, path: Path) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    found = {name: 0.05 * torch.randn(shape, generator=generator) for name, shape in FILES[preset].items()}
    for name in found:  # so that every block does something
        found[name] += float(name.endswith(('norm.weight', 'norm1.weight', 'norm2.weight', 'gamma')))
    torch.save(found, path)
    return found


class TestDinov2:
    @pytest.mark.parametrize('preset', FILES)
    def test_names_and_shapes_of_the_published_file_are_those_of_the_encoder(self, preset: str) -> None:
        with torch.device('meta'):
            ours = VisionTransformer(PRESETS[preset]).state_dict()
        assert {name: tuple(tensor.shape) for name, tensor in ours.items()} == FILES[preset]

    def test_the_small_one_has_the_published_number_of_weights(self) -> None:
        assert sum(int(np.prod(shape)) for shape in FILES['vits'].values()) == 22_056_576

    def test_a_student_that_begins_with_it_sees_what_transformers_dinov2_sees(self, tmp_path: Path) -> None:
        from safetensors.torch import save_file
        from transformers import Dinov2Config, Dinov2Model

        file = random_file('vits', tmp_path / 'dinov2_vits14_pretrain.pth')
        network = build_network(Start(encoder=str(tmp_path / 'dinov2_vits14_pretrain.pth')), 'vits', 518 * 518, seed=0)
        config = Dinov2Config(
            hidden_size=384, num_attention_heads=6, num_hidden_layers=12, image_size=518, patch_size=14
        )
        config.save_pretrained(tmp_path)
        save_file(renamed(file), tmp_path / 'model.safetensors', metadata={'format': 'pt'})
        other = Dinov2Model.from_pretrained(tmp_path).eval()
        image = torch.randn(1, 3, 518, 518, generator=torch.Generator().manual_seed(2))
        with torch.no_grad():
            _, tokens = network(image, features=True)
            wanted = other(image).last_hidden_state[:, 1:]
        torch.testing.assert_close(tokens, wanted, atol=1e-3, rtol=1e-4)
        assert all(torch.equal(file[name], tensor) for name, tensor in network.pretrained.state_dict().items())

    def test_what_begins_with_a_metric_model_orders_things_as_that_does(self) -> None:
        metric = checkpoints.build(checkpoints.load('vitt-procedural'))
        relative = build_network(Start(model='vitt-procedural'), 'vitt', 56 * 70, seed=0)
        image = torch.randn(1, 3, 56, 70, generator=torch.Generator().manual_seed(3))
        with torch.no_grad():
            logits = torch.logit(metric(image).double() / metric.max_depth_m)
            torch.testing.assert_close(relative(image).double(), torch.relu(-logits), atol=1e-3, rtol=1e-3)
        assert (logits < 0).any()  # or nothing was compared

    def test_weights_of_another_size_and_with_registers_are_refused(self, tmp_path: Path) -> None:
        file = random_file('vits', tmp_path / 'small.pth')
        encoder = VisionTransformer(PRESETS['vitb'])
        with pytest.raises(ModelError, match='384'):
            pretrained.load_encoder(encoder, 'vitb', str(tmp_path / 'small.pth'))
        torch.save({**file, 'register_tokens': torch.zeros(1, 4, 384)}, tmp_path / 'reg.pth')
        with pytest.raises(ModelError, match='without registers'):
            pretrained.load_encoder(VisionTransformer(PRESETS['vits']), 'vits', str(tmp_path / 'reg.pth'))


def renamed(file: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the weights under the names of the files for transformers (facebook/dinov2-small)."""
    found = {
        'embeddings.cls_token': file['cls_token'],
        'embeddings.mask_token': file['mask_token'],
        'embeddings.position_embeddings': file['pos_embed'],
        'layernorm.weight': file['norm.weight'],
        'layernorm.bias': file['norm.bias'],
    }
    for kind in ('weight', 'bias'):
        found[f'embeddings.patch_embeddings.projection.{kind}'] = file[f'patch_embed.proj.{kind}']
    for i in range(12):
        old, new = f'blocks.{i}.', f'encoder.layer.{i}.'
        for kind in ('weight', 'bias'):
            for part in ('norm1', 'norm2', 'mlp.fc1', 'mlp.fc2'):
                found[f'{new}{part}.{kind}'] = file[f'{old}{part}.{kind}']
            qkv = file[f'{old}attn.qkv.{kind}'].chunk(3)
            for part, tensor in zip(('query', 'key', 'value'), qkv):
                found[f'{new}attention.attention.{part}.{kind}'] = tensor.contiguous()
            found[f'{new}attention.output.dense.{kind}'] = file[f'{old}attn.proj.{kind}']
        for k in (1, 2):
            found[f'{new}layer_scale{k}.lambda1'] = file[f'{old}ls{k}.gamma']
    return found


def mixed_batch() -> RelativeBatch:
    frames = ProceduralFrames('procedural', 3, 8, 28, 42)
    return RelativeBatches(
        28, 42, 6, truth=frames, pseudo=frames, labelled=2, strong=StrongAugmentConfig(cutmix_share=1.0)
    ).make(0, range(6))


def slice_of(batch: RelativeBatch, part: slice) -> RelativeBatch:
    return RelativeBatch(*(getattr(batch, f.name)[part] for f in dataclasses.fields(batch)))


@pytest.fixture(scope='module')
def network() -> RelativeNetwork:
    return build_network(Start(), 'vitt', 28 * 42, seed=0)


class TestObjective:
    LOSSES = RelativeLoss(), RelativeLoss(ignored=0.1)

    def objective(self, network: RelativeNetwork, **weights: float) -> RelativeObjective:
        other = build_network(Start(), 'vitt', 28 * 42, seed=1).pretrained  # an encoder to align with: not its own
        return RelativeObjective(ObjectiveWeights(**weights), *self.LOSSES, 2 / 6, other)

    def test_it_is_the_mean_of_each_kind_and_their_weighted_sum(self, network: RelativeNetwork) -> None:
        batch, objective = mixed_batch(), self.objective(network, labelled=0.5, pseudo=2.0, alignment=3.0)
        images = normalise(batch.rgb)
        with torch.no_grad():
            depth, features = network(images, features=True)
            anchor = objective.frozen(images)[-1]
            valid = batch.disparity.isfinite()
            each = [per_region(loss, depth, batch.disparity, valid, batch.cut) for loss in self.LOSSES]
            wanted = 0.5 * each[0][~batch.pseudo].mean() + 2.0 * each[1][batch.pseudo].mean()
            wanted += 3.0 * feature_alignment(features, anchor)[batch.pseudo].mean()
            torch.testing.assert_close(objective(network, batch), wanted)

    @pytest.mark.parametrize('size', [1, 2, 3])
    def test_the_mean_of_any_parts_is_the_whole(self, network: RelativeNetwork, size: int) -> None:
        batch, objective = mixed_batch(), self.objective(network, alignment=1.0)
        with torch.no_grad():
            parts = [objective(network, slice_of(batch, slice(i, i + size))) for i in range(0, 6, size)]
            torch.testing.assert_close(torch.stack(parts).mean(), objective(network, batch))

    def test_an_encoder_that_has_not_moved_is_aligned(self, network: RelativeNetwork) -> None:
        batch = mixed_batch()
        still = RelativeObjective(ObjectiveWeights(alignment=5.0), *self.LOSSES, 2 / 6, network.pretrained)
        without = RelativeObjective(ObjectiveWeights(), *self.LOSSES, 2 / 6)
        with torch.no_grad():
            torch.testing.assert_close(still(network, batch), without(network, batch))

    def test_what_it_is_held_to_is_a_copy_that_does_not_learn(self, network: RelativeNetwork) -> None:
        objective = self.objective(network, alignment=1.0)
        before = {name: tensor.clone() for name, tensor in objective.frozen.state_dict().items()}
        objective(network, mixed_batch()).backward()
        assert all(p.grad is None for p in objective.frozen.parameters())
        assert all(torch.equal(before[name], tensor) for name, tensor in objective.frozen.state_dict().items())
        trained = [p for p in network.parameters() if p.requires_grad]
        assert all(p.grad is not None for p in trained)  # none is left out, for which DDP would wait in vain
        network.zero_grad()


class TestValidation:
    def test_who_knows_inverse_depth_up_to_scale_and_shift_is_perfect(self) -> None:
        held_out = (SetConfig(name='procedural', seed=9, frames=5),)
        frames = RelativeBatches(28, 42, 8, truth=ProceduralFrames('procedural', 9, 5, 28, 42), labelled=8, seed=77)

        class Oracle(torch.nn.Linear):
            def forward(self, images: torch.Tensor) -> torch.Tensor:
                batch = frames.make(0, range(8))
                torch.testing.assert_close(normalise(batch.rgb), images)
                return 5.0 * batch.disparity + 3.0

        with torch.no_grad():
            assert validator(held_out, 28, 42, 5)(Oracle(1, 1)) == 'AbsRel 0.0000, delta1 1.0000'


SET = (SetConfig(name='shifted', labels='labels'),)


class TestRefusals:
    def config(self, **changes) -> StudentConfig:
        return StudentConfig(preset='vitt', height=28, width=42, fit=FitConfig(batch=6), **changes)

    @pytest.mark.parametrize(('changes', 'words'), [
        ({}, 'names 0 sets'),
        ({'sets': SET, 'labelled_share': 0.5}, 'names 0 sets'),
        ({'sets': (SetConfig(name='shifted'),)}, 'has no `labels`'),
        ({'sets': SET, 'weights': ObjectiveWeights(alignment=1.0)}, 'an encoder to stay near'),
    ])  # fmt: skip
    def test_a_student_whose_settings_contradict_each_other_is_one_sentence(self, changes, words, tmp_path) -> None:
        with pytest.raises(ConfigError, match=words):
            student.train(self.config(**changes), tmp_path)
        assert not list(tmp_path.iterdir())

    def test_a_metric_model_is_no_teacher_and_a_set_needs_a_folder_for_its_labels(self, tmp_path) -> None:
        with pytest.raises(ConfigError, match='metric model'):
            label(PseudoLabelConfig('vitt-procedural', (SetConfig(name='shifted', labels=str(tmp_path)),)))
