# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""camera_info as drivers send it: a size that they leave 0 is the image's, and impossible numbers are named."""

from __future__ import annotations

import copy
import math

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
pytest.importorskip('dav2_ros.msg', reason='dav2_ros.msg is not built (pip install builds it)')

from driver_infos import IMPOSSIBLE, UNKNOWN_LENSES, changed, lens
from graph.peer import an_info
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header

from dav2_ros.camera import UnknownLensError
from dav2_ros.camera_info import camera_from_info, image_size, info_of_image, read_camera
from dav2_ros.nodes.camera_info import RecentInfos, camera_info_for


class TestSize:
    @pytest.mark.parametrize('binning', [0, 1, 2])
    @pytest.mark.parametrize('roi', [None, (8, 4, 32, 24)])
    @pytest.mark.parametrize('left_out', ['both', 'width', 'height'])
    def test_a_size_that_the_driver_left_0_is_the_images(self, binning: int, roi: tuple | None, left_out: str) -> None:
        whole = an_info(Header(), f_px=60.0)
        whole.binning_x = whole.binning_y = binning
        if roi:
            names = ('x_offset', 'y_offset', 'width', 'height')
            whole.roi = RegionOfInterest(**dict(zip(names, roi)))
        sent = copy.deepcopy(whole)
        sent.width = 0 if left_out != 'height' else sent.width
        sent.height = 0 if left_out != 'width' else sent.height
        before = copy.deepcopy(sent)
        for rectified in (False, True):
            found = camera_from_info(info_of_image(sent, *image_size(whole), 'remap it.'), rectified)
            wanted = camera_from_info(whole, rectified)
            assert (found.width, found.height) == (wanted.width, wanted.height)
            assert (found.fx_px, found.cx_px, found.fy_px, found.cy_px) == (
                wanted.fx_px, wanted.cx_px, wanted.fy_px, wanted.cy_px,
            )  # fmt: skip
        assert sent == before, 'the message belongs to others too'

    def test_a_size_that_is_there_still_has_to_be_right(self) -> None:
        with pytest.raises(ValueError, match=r'32x24.*64x48.*remap it\.$'):
            info_of_image(an_info(Header()), 32, 24, 'remap it.')
        with pytest.raises(ValueError, match=r'32x24.*64x24'):
            info_of_image(changed(an_info(Header()), height=0), 32, 24, 'remap it.')

    @pytest.mark.parametrize('size', [(0, 0), (64, 48), (1280, 720)])
    def test_nobody_asks_the_size_of_what_is_not_calibrated(self, size: tuple[int, int]) -> None:
        info = CameraInfo(width=size[0], height=size[1])
        assert camera_from_info(info_of_image(info, 64, 48, ''), False) is None
        published = camera_info_for(info, Header(), rectified=False, size=(64, 48), stride=2)
        assert (published.width, published.height, published.k[0], published.p[0]) == (32, 24, 0.0, 0.0)

    def test_one_info_serves_images_of_a_size_that_changes(self) -> None:
        infos = RecentInfos()
        infos.add(changed(an_info(Header()), width=0, height=0))
        assert image_size(infos.match(Header(), 64, 48)) == (64, 48)
        assert image_size(infos.match(Header(), 32, 24)) == (32, 24)


class TestNumbers:
    @pytest.mark.parametrize('changes, said', IMPOSSIBLE.values(), ids=IMPOSSIBLE)
    def test_numbers_that_no_camera_has_are_refused_and_named(self, changes: dict, said: str) -> None:
        info = changed(an_info(Header()), **copy.deepcopy(changes))
        for read in (camera_from_info, read_camera):
            with pytest.raises(ValueError, match=f'camera_info has {said}'):
                read(info, False)
        with pytest.raises(ValueError, match=f'camera_info has {said}'):
            camera_info_for(info, Header(), rectified=False)

    @pytest.mark.parametrize('changes, said', [IMPOSSIBLE[name] for name in IMPOSSIBLE if name[0] == 'P'])
    def test_p_is_judged_where_images_are_rectified(self, changes: dict, said: str) -> None:
        with pytest.raises(ValueError, match=f'camera_info has {said}'):
            camera_from_info(changed(an_info(Header()), **changes), True)

    def test_k_is_blamed_first(self) -> None:
        identity = {'k0': 1.0, 'k4': 1.0, 'p0': 1.0, 'p5': 1.0}
        with pytest.raises(ValueError, match='camera_info has K '):
            camera_from_info(changed(an_info(Header()), **identity), False)

    @pytest.mark.parametrize('hfov_deg', [0.5, 5.0, 60.0, 120.0, 165.0])
    def test_every_view_that_a_camera_can_have_is_taken(self, hfov_deg: float) -> None:
        info = an_info(Header(), f_px=32.0 / math.tan(math.radians(0.5 * hfov_deg)))
        assert math.degrees(camera_from_info(info, False).hfov_rad) == pytest.approx(hfov_deg)

    def test_a_line_camera_is_taken(self) -> None:
        assert camera_from_info(an_info(Header(), 4000, 1, 4000.0), False).fy_px == 4000.0

    @pytest.mark.parametrize('r', [[0.0] * 9, [0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0]])
    def test_no_r_and_a_quarter_turn_are_taken(self, r: list[float]) -> None:
        assert camera_from_info(changed(an_info(Header()), r=r), False).fx_px == 60.0

    def test_a_camera_whose_middle_was_cut_out_elsewhere_is_taken(self) -> None:
        assert camera_from_info(changed(an_info(Header()), k2=100.0, p2=100.0), False).cx_px == 100.0


class TestUnknownLens:
    @pytest.mark.parametrize('model, d', UNKNOWN_LENSES.values(), ids=UNKNOWN_LENSES)
    def test_it_has_a_view_and_no_rays(self, model: str, d: list[float]) -> None:
        info = lens(Header(), model, d)
        with pytest.raises(UnknownLensError, match=repr(model)):
            camera_from_info(info, False)
        reading = read_camera(info, False)
        assert reading.camera is None and repr(model) in reading.why
        assert reading.hfov_rad == pytest.approx(camera_from_info(an_info(Header()), False).hfov_rad)
        assert camera_from_info(info, True).fx_px == 60.0, 'D does not describe a rectified image'

    @pytest.mark.parametrize('model, d', UNKNOWN_LENSES.values(), ids=UNKNOWN_LENSES)
    def test_its_camera_info_is_handed_on(self, model: str, d: list[float]) -> None:
        published = camera_info_for(lens(Header(), model, d), Header(), rectified=False, stride=2)
        assert (published.distortion_model, list(published.d), published.k[0]) == (model, d, 30.0)

    def test_an_empty_model_without_distortion_is_a_pinhole(self) -> None:
        for d in ([], [0.0] * 5):
            assert camera_from_info(lens(Header(), '', d), False).fx_px == 60.0
