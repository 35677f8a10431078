# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pairs are proposed where models disagree and nowhere else, answers survive, and DA-2K's scorer reads the result."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from dav2_ros.evaluation.da2k import PointPair, judge_picture, read_annotations
from dav2_training.annotation.page import AnnotationSession, draw_pair, nearest_point
from dav2_training.annotation.propose import MIN_DISTANCE, propose
from dav2_training.annotation.votes import Ballot, DisputedPair
from dav2_training.cli import app
from dav2_training.data.sample import DataError
from dav2_training.evaluation.predictors import nearness_rank

pytestmark = pytest.mark.usefixtures('one_thread')
H, W = 120, 160


def steps(levels: list[float]) -> np.ndarray:
    """Return a disparity (H, W) of vertical stripes."""
    return np.repeat(np.array(levels, float), W // len(levels))[None].repeat(H, 0)


class TestRanks:
    @given(st.integers(0, 500))
    def test_every_rising_function_of_disparity_has_the_same_ranks_and_so_have_metres(self, seed):
        disparity = np.random.default_rng(seed).uniform(0.1, 2.0, (9, 11))
        ranks = nearness_rank(disparity, 'relative')
        np.testing.assert_array_equal(nearness_rank(np.exp(3 * disparity) - 7, 'relative'), ranks)
        np.testing.assert_array_equal(nearness_rank(1 / disparity, 'metric'), ranks)
        np.testing.assert_allclose(np.sort(ranks, axis=None), np.linspace(0, 1, 99), atol=1e-6)

    def test_ties_share_a_rank_the_unknown_has_none_and_beyond_range_is_farthest(self):
        ranks = nearness_rank(np.array([[1.0, 2.0, 2.0, np.inf, np.nan]]), 'metric')
        np.testing.assert_allclose(ranks, [[1.0, 0.5, 0.5, 0.0, np.nan]])


class TestProposals:
    def test_models_that_agree_have_no_pairs(self):
        disparity = steps([1, 2, 3, 4])
        assert propose([nearness_rank(d, 'relative') for d in (disparity, disparity**2)], 5) == []

    @given(st.integers(0, 50))
    def test_every_pair_is_ordered_oppositely_on_clear_ground_and_apart(self, seed):
        one, other = steps([1, 2, 3, 4]), steps([1, 3, 2, 4])
        ranks = [nearness_rank(d, 'relative') for d in (one, other)]
        found = propose(ranks, 4, seed)
        assert found
        for proposal in found:
            a, b = proposal.points
            assert (one[a] - one[b]) * (other[a] - other[b]) < 0
            assert proposal.disagreement == pytest.approx(min(abs(r[a] - r[b]) for r in ranks))
            for row, column in (a, b):
                assert min(abs(column - edge) for edge in (40, 80, 120)) >= 2  # no stripe's edge at the point
                assert 3 < row < H - 4 and 3 < column < W - 4
        points = np.array([p for proposal in found for p in proposal.points])
        distances = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
        assert distances[~np.eye(len(points), dtype=bool)].min() >= MIN_DISTANCE * np.hypot(H, W)
        assert sorted((p.disagreement for p in found), reverse=True) == [p.disagreement for p in found]

    def test_the_same_seed_finds_the_same_pairs(self):
        ranks = [nearness_rank(steps(levels), 'relative') for levels in ([1, 2, 3, 4], [2, 1, 4, 3])]
        assert propose(ranks, 4, 3) == propose(ranks, 4, 3) != propose(ranks, 4, 4)

    def test_where_nothing_is_known_nothing_is_proposed(self):
        one, other = steps([1, 2, 3, 4]), steps([1, 3, 2, 4])
        other[:, 40:80] = np.nan  # the stripes that are disputed
        ranks = [nearness_rank(d, 'relative') for d in (one, other)]
        for proposal in propose(ranks, 4):
            assert all(not 40 <= column < 80 for _, column in proposal.points)


@pytest.fixture
def ballot(tmp_path: Path) -> Ballot:
    (tmp_path / 'pictures' / 'garden').mkdir(parents=True)
    for name in ('garden/a.png', 'b.png'):
        cv2.imwrite(str(tmp_path / 'pictures' / name), np.full((H, W, 3), 120, np.uint8))
    pairs = [
        DisputedPair(0, 'garden/a.png', ((20, 30), (90, 140)), 0.5),
        DisputedPair(1, 'b.png', ((10, 10), (100, 20)), 0.3),
        DisputedPair(2, 'garden/a.png', ((60, 100), (100, 20)), 0.1),
    ]
    made = Ballot(tmp_path / 'pictures' / 'pairs.json', tmp_path / 'pictures', pairs, {'models': ['x', 'y']})
    made.save()
    return made


class TestBallot:
    def test_what_was_answered_is_on_disk_and_read_again(self, ballot: Ballot):
        ballot.answer('Ada', 1, 1)
        ballot.answer('Ada', 0, -1)
        again = Ballot.open(ballot.path)
        assert [again[k] for k in range(3)] == [ballot[k] for k in range(3)]
        assert (again.answered('Ada'), again.made_by) == (2, {'models': ['x', 'y']})
        assert again.root.resolve() == ballot.root.resolve()
        assert sorted(p.name for p in ballot.path.parent.iterdir()) == ['b.png', 'garden', 'pairs.json']

    def test_a_ballot_moves_with_its_pictures(self, ballot: Ballot, tmp_path: Path):
        moved = ballot.path.parent.rename(tmp_path / 'elsewhere')
        assert (Ballot.open(moved / 'pairs.json').root / 'b.png').is_file()

    def test_who_has_answered_is_not_asked_again_and_the_least_answered_comes_first(self, ballot: Ballot):
        ballot.answer('Ada', 0, 0)
        assert ballot.next('Ada').number == 1
        assert ballot.next('Bob').number == 1  # 0 has an answer
        for k in (1, 2):
            ballot.answer('Ada', k, 0)
        assert ballot.next('Ada') is None and ballot.next('Bob').number == 0

    def test_an_answer_can_be_changed_and_taken_back(self, ballot: Ballot):
        ballot.answer('Ada', 0, 0)
        ballot.answer('Ada', 0, 1)
        assert [v.answer for v in ballot[0].votes] == [1]
        ballot.answer('Bob', 0, 1)
        assert ballot.take_back('Ada').number == 0
        assert [v.who for v in Ballot.open(ballot.path)[0].votes] == ['Bob']
        assert ballot.take_back('Ada') is None

    def test_only_what_enough_people_agree_upon_is_exported(self, ballot: Ballot):
        for number, answers in enumerate([(0, 0), (1, 0), (-1, -1)]):
            for who, answer in zip(('Ada', 'Bob'), answers):
                ballot.answer(who, number, answer)
        (picture,) = ballot.export(votes=2)
        assert (picture.name, picture.pairs) == ('garden/a.png', (PointPair(((20, 30), (90, 140)), 0),))
        assert ballot.export(votes=3) == []

    def test_answers_of_many_at_once_are_all_kept(self, ballot: Ballot):
        people = [f'person {k}' for k in range(8)]

        def vote(who: str) -> None:
            while pair := ballot.next(who):
                ballot.answer(who, pair.number, pair.number % 2)

        threads = [threading.Thread(target=vote, args=(who,)) for who in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        again = Ballot.open(ballot.path)
        assert all(len(again[k].votes) == 8 and again[k].closer(8) == k % 2 for k in range(3))

    @pytest.mark.parametrize('number, answer, who', [(9, 0, 'Ada'), (0, 2, 'Ada'), (0, 0, '  ')])
    def test_a_bad_answer_changes_nothing(self, ballot: Ballot, number, answer, who):
        before = ballot.path.read_text()
        with pytest.raises(DataError):
            ballot.answer(who, number, answer)
        assert ballot.path.read_text() == before

    @pytest.mark.parametrize('text', ['', '{}', '[1]', '{"format": 9, "pairs": [], "root": ".", "made_by": {}}'])
    def test_what_is_no_ballot_is_one_sentence(self, tmp_path: Path, text: str):
        (tmp_path / 'x.json').write_text(text)
        with pytest.raises(DataError, match='annotate propose'):
            Ballot.open(tmp_path / 'x.json')


class TestDesk:
    def test_a_click_means_the_nearer_point_within_reach(self, ballot: Ballot):
        _, at = draw_pair(np.zeros((H, W, 3), np.uint8), ballot[0])
        assert [nearest_point(*point, at) for point in at] == [0, 1]
        assert nearest_point(at[0][0] + 30, at[0][1] + 20, at) == 0
        assert nearest_point((at[0][0] + at[1][0]) // 2, (at[0][1] + at[1][1]) // 2, at) is None

    def test_points_are_drawn_where_they_are_in_every_size(self, ballot: Ballot):
        for scale in (1, 20):
            pair = DisputedPair(0, 'a', tuple((r * scale, c * scale) for r, c in ballot[0].points), 0.5)
            drawn, at = draw_pair(np.zeros((H * scale, W * scale, 3), np.uint8), pair)
            assert drawn.shape == (720, 960, 3)
            for (x, y), colour in zip(at, ((242, 169, 0), (0, 150, 255))):
                assert tuple(drawn[y, x]) == colour
            np.testing.assert_allclose(at, [(6 * (c + 0.5), 6 * (r + 0.5)) for r, c in ballot[0].points], atol=6)

    def test_answers_lead_through_all_pairs_to_the_end(self, ballot: Ballot):
        session = AnnotationSession(ballot)
        assert session.show(' ')[1] == -1
        _, number, said = session.show('Ada')
        assert number == 0 and said.startswith('0 of 3')
        _, at = draw_pair(np.zeros((H, W, 3), np.uint8), ballot[0])
        assert session.click('Ada', 0, 5, 700)[1] == 0  # neither point: the same pair again
        assert session.click('Ada', 0, *at[1])[1] == 1
        assert ballot[0].closer(1) == 1
        assert session.take_back('Ada')[1] == 0
        for number in range(3):
            picture, following, said = session.answer('Ada', number, 0)
        assert (picture, following) == (None, -1) and 'export' in said


@pytest.fixture
def page(ballot: Ballot) -> Iterator[str]:
    """Serve the page; yield its address."""
    pytest.importorskip('gradio', reason='the page needs the extra web')
    from dav2_training.annotation.page import build_page

    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    page = build_page(ballot)
    page.launch(server_name='127.0.0.1', server_port=port, prevent_thread_lock=True, quiet=True, share=False)
    yield f'http://127.0.0.1:{port}'
    page.close()


def test_a_click_in_a_browser_is_an_answer(ballot: Ballot, page: str):
    browsers = pytest.importorskip('playwright.sync_api', reason='playwright is not installed')
    chromium = shutil.which('chromium') or pytest.skip('Chromium is not installed')
    _, at = draw_pair(np.zeros((H, W, 3), np.uint8), ballot[0])
    with browsers.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=['--no-sandbox'])
        tab = browser.new_page(viewport={'width': 1280, 'height': 1100})
        tab.goto(page)
        tab.get_by_label('Your name').fill('Ada')
        tab.get_by_role('button', name='Begin').click()
        tab.get_by_text('0 of 3 answered').wait_for(timeout=60_000)
        picture = tab.locator('img[src*="file="]').first
        picture.wait_for(timeout=60_000)
        box = picture.bounding_box()  # 960x720 fits
        scale = box['width'] / 960
        picture.click(position={'x': scale * at[1][0], 'y': scale * at[1][1]})
        tab.get_by_text('1 of 3 answered').wait_for(timeout=60_000)
        browser.close()
    assert [v.answer for v in Ballot.open(ballot.path)[0].votes] == [1]


def test_the_page_asks_and_notes_over_the_network(ballot: Ballot, page: str):
    from gradio_client import Client

    client = Client(page, verbose=False)
    picture, number, said = client.predict('Ada', api_name='/show')
    assert number == 0 and said.startswith('0 of 3')
    served = cv2.imread(picture if isinstance(picture, str) else picture['path'])
    drawn, _ = draw_pair(np.full((H, W, 3), 120, np.uint8), ballot[0])
    np.testing.assert_array_equal(served[..., ::-1], drawn)
    for api_name in ('/first', '/second', '/nobody'):
        _, number, said = client.predict('Ada', number, api_name=api_name)
    assert number == -1 and 'export' in said
    assert [v.answer for k in range(3) for v in Ballot.open(ballot.path)[k].votes] == [0, 1, -1]
    assert client.predict('Ada', api_name='/take_back')[1] == 2
    assert Ballot.open(ballot.path)[2].votes == ()


def test_from_pictures_to_a_score_by_the_commands(random_model: Path, tmp_path: Path):
    """Two models disagree, two people answer, and the file is DA-2K's: read and scored by the same code."""
    rng = np.random.default_rng(0)
    for k in range(2):
        noise = cv2.GaussianBlur(rng.integers(0, 255, (84, 112, 3)).astype(np.uint8), (0, 0), 9)
        picture = cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX)
        cv2.imwrite(str(tmp_path / f'{k}.png'), picture)

    def run(*arguments: object):
        done = CliRunner().invoke(app, ['annotate', *map(str, arguments)], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    run('propose', tmp_path, '--model', random_model, '--model', 'vitt-procedural', '--least', 0.01)
    ballot = Ballot.open(tmp_path / 'pairs.json')
    assert 1 <= len(ballot) <= 4 and {ballot[k].picture for k in range(len(ballot))} <= {'0.png', '1.png'}
    with pytest.raises(DataError, match='may hold answers'):
        run('propose', tmp_path, '--model', random_model)
    for who in ('Ada', 'Bob'):
        while pair := ballot.next(who):
            ballot.answer(who, pair.number, 0)
    run('export', tmp_path / 'pairs.json', '--votes', 2)
    annotations = read_annotations(tmp_path / 'annotations.json')
    assert sum(len(p.pairs) for p in annotations.values()) == len(ballot)
    done = CliRunner().invoke(app, ['evaluate', str(random_model), 'vitt-procedural', '--data', 'da2k', '--root',
                                    str(tmp_path), '--json', str(tmp_path / 'out.json')])  # fmt: skip
    assert done.exit_code == 0, done.output
    one, other = json.loads((tmp_path / 'out.json').read_text())['results']
    assert one['accuracy'] + other['accuracy'] == pytest.approx(1.0)  # of a disputed pair, one of two is right


def test_a_model_alone_is_compared_with_itself_on_the_mirrored_picture(random_model: Path, tmp_path: Path):
    from dav2_training.annotation.propose import predicted_ranks
    from dav2_training.evaluation.predictors import open_predictor

    rgb = np.random.default_rng(3).integers(0, 255, (84, 112, 3), np.uint8)
    with open_predictor(str(random_model)) as predict:
        seen, mirrored = predicted_ranks([predict], rgb)
        again, back = predicted_ranks([predict], np.ascontiguousarray(rgb[:, ::-1]))
    np.testing.assert_array_equal(mirrored, again[:, ::-1])
    np.testing.assert_array_equal(seen, back[:, ::-1])


def test_da2k_judges_an_exported_pair_as_its_people_did(ballot: Ballot):
    ballot.answer('Ada', 0, 1)
    (picture,) = ballot.export()
    disparity = np.zeros((H, W), np.float32)
    disparity[90, 140] = 1.0  # the second point
    assert judge_picture(disparity, picture, kind='relative').right == 1
