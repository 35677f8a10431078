# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every data set is held to the same laws, on a tiny one in its true format (test/sets/)."""

from __future__ import annotations

import pickle
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from dav2_training.data import registry
from dav2_training.data.sample import DataError

BINARY = {'.jpg', '.jpeg', '.png', '.npy', '.npz', '.hdf5', '.h5', '.mat', '.pfm', '.exr', '.dpt', '.JPG', '.mcap'}


@pytest.fixture(params=sorted(registry.LOADERS))
def name(request) -> str:
    return request.param


@pytest.fixture
def written(name, tmp_path):
    return import_module(f'sets.{name.replace("-", "_")}').write(tmp_path / name)


@pytest.fixture
def root(name, written, tmp_path) -> Path:
    return tmp_path / name


def read_all(name: str, root: Path, splits) -> None:
    for split in splits:
        opened = registry.open_set(name, root, split)
        for i in range(len(opened)):
            opened[i]


class TestEverySet:
    def test_it_reads_what_was_written(self, name, written, root):
        """Pictures, exact metres, what is unknown, what is sky, and the camera."""
        assert written
        for split, truths in written.items():
            opened = registry.open_set(name, root, split)
            assert len(opened) == len(truths) > 0
            for i, truth in enumerate(truths):
                sample = opened[i]
                assert np.abs(sample.rgb.astype(int) - truth.rgb).max() <= truth.rgb_atol
                for read, true in ((sample.z_m, truth.z_m), (sample.disparity, truth.disparity)):
                    assert (read is None) == (true is None)
                    if true is not None:  # NaN and inf in the same places, too
                        np.testing.assert_allclose(read, true, rtol=truth.rtol, err_msg=f'{split} {sample.name}')
                assert (sample.camera is None) == (truth.camera is None)
                if truth.camera is not None:
                    np.testing.assert_allclose(sample.camera.k, truth.camera.k, rtol=1e-6)

    def test_samples_are_what_the_seam_says(self, name, written, root):
        for split in written:
            opened = registry.open_set(name, root, split)
            samples = [opened[i] for i in range(len(opened))]
            assert len({sample.name for sample in samples}) == len(samples)
            for sample in samples:
                h, w = sample.rgb.shape[:2]
                assert sample.rgb.shape == (h, w, 3) and sample.rgb.dtype == np.uint8
                for truth in (sample.z_m, sample.disparity):
                    assert truth is None or (truth.shape == (h, w) and truth.dtype == np.float32)
                if sample.z_m is not None:
                    assert np.all(np.isnan(sample.z_m) | (sample.z_m > 0))  # +inf is sky
                if sample.disparity is not None:
                    assert np.all(np.isnan(sample.disparity) | np.isfinite(sample.disparity))
                if sample.camera is not None:
                    assert (sample.camera.width, sample.camera.height) == (w, h)
                promised = registry.set_info(name).truth
                given = [k for k, v in (('metres', sample.z_m), ('disparity', sample.disparity)) if v is not None]
                assert given == ([] if promised == 'none' else [promised])

    def test_it_can_be_sent_to_another_process(self, name, written, root):
        """A loader's workers get it so."""
        for split in written:
            opened = registry.open_set(name, root, split)
            sent = pickle.loads(pickle.dumps(opened))
            assert len(sent) == len(opened)
            assert sent[0].name == opened[0].name
            np.testing.assert_array_equal(sent[0].rgb, opened[0].rgb)

    def test_another_directory_is_refused_with_the_tree_that_is_expected(self, name, tmp_path):
        for root in (tmp_path / 'nowhere', tmp_path):
            for split in registry.set_info(name).splits:
                with pytest.raises(DataError) as refused:
                    registry.open_set(name, root, split)
                assert str(root) in str(refused.value)
                assert registry.set_info(name).tree in str(refused.value)

    def test_another_split_is_refused_with_those_there_are(self, name, root):
        with pytest.raises(DataError, match=r'no split .*one of') as refused:
            registry.open_set(name, root, 'twain')
        assert all(split in str(refused.value) for split in registry.set_info(name).splits)

    def test_a_file_cut_short_is_a_sentence_with_its_name(self, name, written, root):
        """Any of them, at the latest where its sample is read."""
        for path in sorted(p for p in root.rglob('*') if p.suffix in BINARY):
            whole = path.read_bytes()
            path.write_bytes(whole[: len(whole) // 2])
            with pytest.raises(DataError) as refused:
                read_all(name, root, written)
            path.write_bytes(whole)
            assert path.name in str(refused.value) and '\n' not in str(refused.value)
        read_all(name, root, written)

    def test_it_says_what_it_is(self, name):
        about = registry.set_info(name)
        assert about.title and about.licence and about.source and about.tree.strip()
        assert about.truth in ('metres', 'disparity', 'none')
        assert about.splits
