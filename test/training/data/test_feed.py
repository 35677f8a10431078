# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Batches are functions of seed, step and place; labels on disk are what was stored; crops keep pixels together."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from dav2_ros.files.atomic import write_file
from dav2_training.config import ConfigError, SetConfig
from dav2_training.data.augment import StrongAugmentConfig, crop, cutmix_box, jitter, mirror, perturb
from dav2_training.data.batch_share import Share
from dav2_training.data.index_shuffle import shuffled
from dav2_training.data.procedural.frame_cache import ProceduralFrames
from dav2_training.data.pseudo import label_file
from dav2_training.data.relative_batches import RelativeBatches, open_one, open_sets
from dav2_training.data.sample import DataError, Sample

PLAIN = StrongAugmentConfig(jitter_share=0.0, grey_share=0.0, blur_share=0.0, cutmix_share=0.0)


class Numbered:
    """Pictures whose pixels say which picture they are of, with a disparity to match."""

    def __init__(self, first: int, n: int, height: int = 20, width: int = 30) -> None:
        self.first, self.n, self.size = first, n, (height, width)

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> Sample:
        value = self.first + index
        ramp = np.arange(self.size[1], dtype=np.float32)[None].repeat(self.size[0], 0)
        return Sample(np.full((*self.size, 3), value, np.uint8), f'{value}', disparity=100 * value + ramp)


def feed(**changes) -> RelativeBatches:
    settings = {'truth': Numbered(0, 7), 'pseudo': Numbered(100, 11), 'labelled': 2, 'strong': PLAIN, 'seed': 3}
    return RelativeBatches(14, 14, 6, **(settings | changes))


def same(a, b) -> bool:
    return all(torch.equal(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))


class TestShuffle:
    @pytest.mark.parametrize('n', [1, 2, 3, 10, 64, 1000])
    def test_each_epoch_has_everything_once_in_another_order(self, n):
        epochs = [[shuffled(e * n + i, n, seed=5) for i in range(n)] for e in range(3)]
        assert all(sorted(order) == list(range(n)) for order in epochs)
        assert n < 10 or len({tuple(order) for order in epochs}) == 3

    def test_neighbours_of_a_large_set_are_scattered_evenly(self):
        n = 62_000_000
        found = np.array([shuffled(i, n, seed=1) for i in range(4000)])
        assert len(set(found.tolist())) == 4000
        assert np.histogram(found, 8, (0, n))[0].std() < 4 * np.sqrt(500)
        assert abs(np.corrcoef(found[1:], found[:-1])[0, 1]) < 0.06


class TestFeed:
    def test_a_picture_and_its_disparity_stay_together(self):
        batch = feed().make(4, range(6))
        number = batch.rgb[:, 7, 7, 0].float()
        assert torch.equal((batch.disparity[:, 7, 7] / 100).floor(), number)
        assert torch.equal(batch.pseudo, number >= 100) and batch.pseudo.sum() == 4

    @pytest.mark.parametrize('workers', [0, 2])
    def test_a_step_is_the_same_from_the_start_and_from_the_middle_alone_and_among_workers(self, workers):
        straight = feed(strong=StrongAugmentConfig())(0)
        steps = [next(straight) for _ in range(4)]
        resumed = feed(strong=StrongAugmentConfig(), workers=workers)(2)
        assert same(next(resumed), steps[2]) and same(next(resumed), steps[3])

    def test_processes_and_parts_together_see_what_one_alone_sees(self):
        whole = feed(strong=StrongAugmentConfig(cutmix_share=1.0))
        alone = next(whole(5))
        parts = []
        for rank in range(3):
            dealt = whole(5, Share(rank, world=3, parts=2))
            parts += [next(dealt) for _ in range(2)]
        for name in ('rgb', 'disparity', 'cut', 'pseudo'):
            assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(alone, name))

    def test_a_batch_that_leaves_a_rest_is_refused_with_what_to_set(self):
        with pytest.raises(ConfigError, match=r'fit.batch to a multiple of 4'):
            feed()(0, Share(0, world=2, parts=2))

    def test_an_epoch_has_every_picture_once_in_each_part_of_the_mixture(self):
        seen = torch.cat([feed().make(step, range(6)).rgb[:, 0, 0, 0] for step in range(77)]).tolist()
        assert {number: seen.count(number) for number in seen} == {
            **{i: 22 for i in range(7)}, **{100 + i: 28 for i in range(11)}
        }  # fmt: skip

    def test_cutmix_pastes_picture_and_label_of_another_pseudo_labelled_place(self):
        batch = feed(strong=dataclasses.replace(PLAIN, cutmix_share=1.0)).make(0, range(6))
        assert not batch.cut[~batch.pseudo].any() and batch.cut[batch.pseudo].any((1, 2)).all()
        number = batch.rgb[..., 0].float()
        assert torch.equal((batch.disparity / 100).floor(), number) and number[batch.pseudo].min() >= 100
        for picture, cut in zip(number[batch.pseudo], batch.cut[batch.pseudo]):
            assert len(picture[cut].unique()) == len(picture[~cut].unique()) == 1

    def test_truth_is_inverted_sky_is_zero_unknown_stays_and_the_nearest_is_clipped(self):
        z_m = np.full((14, 14), 4.0, np.float32)
        z_m[0, :4] = np.inf, np.nan, 0.01, 0.5
        source = [Sample(np.zeros((14, 14, 3), np.uint8), 'one', z_m=z_m)]
        row = RelativeBatches(14, 14, 1, truth=source, labelled=1, nearest_m=0.2).make(0, [0]).disparity[0, 0]
        row = row if row[0] == 0 else row.flip(0)  # perhaps mirrored
        np.testing.assert_allclose(row[:5], [0.0, np.nan, 5.0, 2.0, 0.25])

    def test_a_picture_that_cannot_be_read_is_told_of_and_replaced(self):
        class Torn(Numbered):
            def __getitem__(self, index: int) -> Sample:
                if index % 2:
                    raise DataError(f'{index}.png is torn.')
                return super().__getitem__(index)

        with pytest.warns(UserWarning, match='is torn'):
            batches = [feed(truth=Torn(0, 8)).make(step, range(6)) for step in range(8)]
        assert all((batch.rgb[~batch.pseudo] % 2 == 0).all() for batch in batches)
        with pytest.raises(DataError, match='16 pictures in a row'), pytest.warns(UserWarning):
            feed(truth=_all_torn()).make(0, range(6))

    def test_joined_sets_are_one_after_another(self):
        configs = SetConfig(name='procedural', seed=3, frames=2), SetConfig(name='shifted', seed=3, frames=1)
        joined = open_sets(configs, 28, 42)
        apart = [sample for config in configs for sample in (open_one(config, 28, 42)[i] for i in range(config.frames))]
        assert len(joined) == len(apart) == 3 and len(open_sets((), 28, 42)) == 0
        for i, sample in enumerate(apart):
            np.testing.assert_array_equal(joined[i].rgb, sample.rgb)


def _all_torn():
    class Torn(Numbered):
        def __getitem__(self, index: int) -> Sample:
            raise DataError(f'{index}.png is torn.')

    return Torn(0, 40)


class TestRendered:
    @pytest.mark.parametrize('world', ['procedural', 'shifted'])
    def test_a_frame_is_the_same_rendered_and_kept(self, world: str, tmp_path: Path):
        fresh, kept = (ProceduralFrames(world, 4, 3, 28, 42, cache) for cache in ('', str(tmp_path)))
        for _ in range(2):
            a, b = fresh[2], kept[2]
            assert a.name == b.name and np.array_equal(a.rgb, b.rgb) and np.array_equal(a.z_m, b.z_m)
            assert a.camera.f_px == pytest.approx(b.camera.f_px)
        assert [p.suffix for p in tmp_path.rglob('*') if p.is_file()] == ['.npz']

    def test_it_ends_after_its_last_frame(self):
        with pytest.raises(IndexError):
            ProceduralFrames('procedural', 4, 3)[3]

    def test_a_set_is_opened_by_its_name_with_its_labels(self, tmp_path: Path):
        config = SetConfig(name='procedural', frames=2, labels=str(tmp_path))
        opened = open_one(config, 28, 42)
        write_file(tmp_path / '00000001.png', label_file.encode(np.eye(14, dtype=np.float32), {}))
        sample = opened[1]
        assert sample.z_m is None and sample.disparity.shape == (28, 42)
        with pytest.raises(DataError, match='pseudo-label'):
            opened[0]
        assert len(open_sets([config, SetConfig(name='shifted', frames=5)], 28, 42)) == 7
        with pytest.raises(ConfigError, match='empty'):
            open_one(SetConfig(name='shifted', frames=0), 28, 42)


class TestPseudoLabels:
    def test_what_is_stored_differs_by_at_most_half_a_step_of_65535(self):
        disparity = np.random.default_rng(1).gamma(2.0, 20.0, (40, 50)).astype(np.float32)
        found, notes = label_file.decode(label_file.encode(disparity, {'teacher': 'abc'}))
        step = float(disparity.max() - disparity.min()) / 65535
        assert np.abs(found.astype(float) - disparity).max() <= 0.5 * step + np.spacing(disparity.max())
        assert notes == {'low': float(disparity.min()), 'high': float(disparity.max()), 'teacher': 'abc'}

    def test_any_other_program_sees_a_16_bit_picture(self, tmp_path: Path):
        write_file(tmp_path / 'a' / 'b.png', label_file.encode(np.arange(6, dtype=np.float32).reshape(2, 3), {}))
        seen = cv2.imread(str(tmp_path / 'a' / 'b.png'), cv2.IMREAD_UNCHANGED)
        assert seen.dtype == np.uint16 and seen.tolist() == [[0, 13107, 26214], [39321, 52428, 65535]]
        assert [p.name for p in (tmp_path / 'a').iterdir()] == ['b.png']

    def test_a_flat_map_comes_back_flat(self):
        flat = np.full((3, 4), 0.7, np.float32)
        np.testing.assert_array_equal(label_file.decode(label_file.encode(flat, {}))[0], flat)

    @pytest.mark.parametrize('cut', [0, 40, 120])
    def test_half_a_file_and_another_picture_are_refused(self, cut: int):
        png = label_file.encode(np.eye(50, dtype=np.float32), {})
        with pytest.raises(ValueError, match='is'):
            label_file.decode(png[:cut])
        with pytest.raises(ValueError, match='no pseudo label'):
            label_file.decode(cv2.imencode('.png', np.zeros((20, 20), np.uint16))[1].tobytes())

    def test_what_is_not_finite_is_no_label(self):
        with pytest.raises(ValueError, match='finite'):
            label_file.encode(np.array([[1.0, np.nan]], np.float32), {})


class TestAugment:
    def test_a_crop_fits_just_in_and_shows_one_place_in_both(self):
        rows, columns = np.mgrid[0:100, 0:160]
        rgb = np.stack([rows, columns, rows], 2).astype(np.uint8)
        place = (1000 * rows + columns).astype(np.float32)
        for seed in range(5):
            small, target = crop(rgb, place, 42, 56, np.random.default_rng(seed))
            assert small.shape == (42, 56, 3) and target.shape == (42, 56)
            row, column = np.divmod(target, 1000)
            assert np.abs(small[..., 0] - row).max() <= 2.5 and np.abs(small[..., 1] - column).max() <= 2.5
            assert np.isin(target, place).all()  # picked, not mixed

    def test_a_picture_of_the_crops_size_is_left_as_it_is(self):
        rgb = np.random.default_rng(0).integers(0, 256, (28, 42, 3), np.uint8)
        small, target = crop(rgb, rgb[..., 0].astype(np.float32), 28, 42, np.random.default_rng(0))
        assert np.array_equal(small, rgb) and np.array_equal(target, rgb[..., 0])

    def test_a_crop_of_broken_patches_is_refused(self):
        with pytest.raises(ValueError, match='multiples of 14'):
            crop(np.zeros((50, 50, 3), np.uint8), np.zeros((50, 50), np.float32), 42, 50, np.random.default_rng(0))

    def test_half_are_mirrored_both_alike(self):
        rgb = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
        rng, turned = np.random.default_rng(1), 0
        for _ in range(200):
            a, b = mirror(rgb, rgb[..., 0], rng)
            assert np.array_equal(a[..., 0], b)
            turned += not np.array_equal(a, rgb)
        assert 70 < turned < 130

    def test_jitter_of_nothing_changes_nothing(self):
        rgb = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
        still = StrongAugmentConfig(brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0)
        assert np.array_equal(jitter(rgb, still, np.random.default_rng(0)), rgb)

    @pytest.mark.parametrize('seed', range(6))
    def test_each_part_is_pillows(self, seed: int):
        """What torchvision's ColorJitter does to PIL pictures, one part at a time."""
        from PIL import Image, ImageEnhance

        rgb = np.random.default_rng(7).integers(0, 256, (20, 30, 3), np.uint8)
        parts = {
            'brightness': ImageEnhance.Brightness, 'contrast': ImageEnhance.Contrast, 'saturation': ImageEnhance.Color,
        }  # fmt: skip
        for place, (name, enhance) in enumerate(parts.items()):
            config = StrongAugmentConfig(
                **({'brightness': 0.0, 'contrast': 0.0, 'saturation': 0.0, 'hue': 0.0} | {name: 0.5})
            )
            gain = np.random.default_rng(seed).uniform([1.0 - 0.5 * (i == place) for i in range(3)],
                                                       [1.0 + 0.5 * (i == place) for i in range(3)])[place]  # fmt: skip
            wanted = np.asarray(enhance(Image.fromarray(rgb)).enhance(gain)).astype(int)
            found = jitter(rgb, config, np.random.default_rng(seed)).astype(int)
            assert np.abs(found - wanted).mean() < 1.5, name

    def test_a_perturbed_picture_is_of_the_same_kind_and_another_one(self):
        rgb = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
        seen = [perturb(rgb, StrongAugmentConfig(), np.random.default_rng(seed)) for seed in range(300)]
        assert all(x.shape == rgb.shape and x.dtype == np.uint8 for x in seen)
        assert 12 < sum(np.array_equal(x, rgb) for x in seen) < 45  # 0.2 x 0.8 x 0.5, and blurs too small to be seen
        assert np.array_equal(perturb(rgb, PLAIN, np.random.default_rng(0)), rgb)

    def test_boxes_have_unimatchs_areas_and_ratios(self):
        boxes = [cutmix_box(100, 100, StrongAugmentConfig(), np.random.default_rng(seed)) for seed in range(400)]
        cut = [box for box in boxes if box.any()]
        assert 160 < len(cut) < 240
        for box in cut:
            h, w = box.any(1).sum(), box.any(0).sum()
            assert box.sum() == h * w and 0.012 < h * w / 1e4 <= 0.4
            assert min(h, w) == min(100, h, w) and (0.25 < h / w < 4.0)
