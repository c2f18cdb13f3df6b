"""Beamformers: closed forms, power, quality against upper bounds, and functions of (S, K) alone."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import numpy as np
import pytest

from edgeopt.caching.beamforming.ceilings import CeilingSums, ceiling_sums, ceilings, over_the_network
from edgeopt.caching.beamforming.channels import Beams, Channels, Complexes, Pairs, robust_amplitudes
from edgeopt.caching.beamforming.dual import dual
from edgeopt.caching.beamforming.memo import Memo
from edgeopt.caching.beamforming.mrt import mrt
from edgeopt.caching.beamforming.sdr import relax
from edgeopt.errors import MissingExtra

needs_clarabel = pytest.mark.skipif(find_spec("clarabel") is None, reason="needs the extra radio")


def random_channels(rng: np.random.Generator, nodes: int, users: int, antennas: int, error: float) -> Channels:
    gains = 10 ** rng.uniform(-0.5, 0.5, (nodes, users, 1))
    shape = (nodes, users, antennas)
    return Channels(gains * (rng.normal(size=shape) + 1j * rng.normal(size=shape)), np.full(nodes, error))


def every(nodes: int, users: int) -> Pairs:
    """The one pair of all nodes and all users."""
    return Pairs(np.arange(nodes)[None], np.arange(users)[None])


def assert_sound(channels: Channels, pairs: Pairs, beams: Beams) -> None:
    assert (np.linalg.norm(beams.vectors, axis=2) <= 1 + 1e-9).all()
    reached = np.maximum(robust_amplitudes(channels, pairs, beams.vectors), 0.0)
    np.testing.assert_allclose(beams.amplitudes, reached, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("error", [0.0, 0.3, 3.0])
def test_one_user(error: float) -> None:
    """Each node sends along its channel, or is silent: sum over nodes of (||h|| - e)_+."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        channels = random_channels(rng, 4, 1, 3, error)
        beams = dual(channels, every(4, 1))
        expected = np.maximum(np.linalg.norm(channels.scaled[:, 0], axis=1) - error, 0).sum()
        assert beams.amplitudes[0] == pytest.approx(expected, rel=1e-6)
        assert_sound(channels, every(4, 1), beams)


@pytest.mark.parametrize("error", [0.0, 0.2])
def test_one_antenna_and_separable_phases(error: float) -> None:
    """Phases alpha_n + beta_k and channels longer than the error: full power, in phase at every user."""
    rng = np.random.default_rng(2)
    for _ in range(50):
        size = rng.uniform(0.3, 3, (4, 5, 1))
        phase = rng.uniform(0, 2 * np.pi, (4, 1, 1)) + rng.uniform(0, 2 * np.pi, (1, 5, 1))
        channels = Channels(size * np.exp(1j * phase), np.full(4, error))
        expected = (size[:, :, 0] - error).sum(axis=0).min()
        assert dual(channels, every(4, 5)).amplitudes[0] == pytest.approx(expected, rel=1e-6)


def test_one_antenna_of_one_node() -> None:
    """The weakest user's channel less the error."""
    rng = np.random.default_rng(3)
    channels = random_channels(rng, 1, 6, 1, 0.05)
    expected = max(0.0, np.abs(channels.scaled).min() - 0.05)
    assert dual(channels, every(1, 6)).amplitudes[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("beamformer", [dual, mrt])
def test_batches_are_functions_of_the_pair(beamformer) -> None:
    """Amplitudes are reached by the beams, and do not depend on the rest of the batch."""
    rng = np.random.default_rng(4)
    channels = random_channels(rng, 5, 6, 2, 0.1)
    nodes, users = np.full((40, 5), -1), np.full((40, 6), -1)
    for row in range(40):
        chosen, served = rng.permutation(5)[: rng.integers(1, 6)], rng.permutation(6)[: rng.integers(1, 7)]
        nodes[row, : len(chosen)], users[row, : len(served)] = np.sort(chosen), np.sort(served)
    pairs = Pairs(nodes, users)
    beams = beamformer(channels, pairs)
    assert_sound(channels, pairs, beams)
    alone = [beamformer(channels, Pairs(nodes[row : row + 1], users[row : row + 1])).amplitudes[0] for row in range(40)]
    np.testing.assert_array_equal(beams.amplitudes, alone)


@needs_clarabel
def test_certificates() -> None:
    """No beams exceed the semidefinite bound, and the dual beamformer comes close to it."""
    from edgeopt.caching.beamforming.sca import sca
    from edgeopt.caching.beamforming.sdr import sdr, sdr_bounds

    rng = np.random.default_rng(5)
    ratios = []
    for _ in range(12):
        channels = random_channels(rng, 3, int(rng.integers(1, 5)), 2, float(rng.choice([0.0, 0.05])))
        pairs = every(3, channels.scaled.shape[1])
        bound = sdr_bounds(channels, pairs)[0]
        for beamformer in (dual, mrt, sca, sdr):
            beams = beamformer(channels, pairs)
            assert_sound(channels, pairs, beams)
            assert beams.amplitudes[0] <= bound * (1 + 1e-9)
        ratios.append(dual(channels, pairs).amplitudes[0] / bound)
    assert np.mean(ratios) > 0.97


@pytest.mark.parametrize(("nodes", "users", "antennas", "error"), [(1, 3, 3, 0.0), (1, 4, 2, 0.01), (2, 2, 2, 0.0)])
def test_certificates_of_users_with_the_same_channel(nodes: int, users: int, antennas: int, error: float) -> None:
    """The best beams are those for one user, and the semidefinite bound says so."""
    channel = np.random.default_rng(3).normal(size=(2, antennas)) + 0.1
    scaled = np.broadcast_to(channel[0] + 1j * channel[1], (nodes, users, antennas))
    bound = relax(scaled, np.full(nodes, error)).bound
    assert bound == pytest.approx(nodes * (np.linalg.norm(channel) - error), rel=1e-10)


def assert_sums_hold(channels: Channels, sums: CeilingSums, beams: list[Complexes]) -> None:
    """No beams of any set of nodes reach all users with more than the sum over the set."""
    nodes, users = channels.scaled.shape[:2]
    for mask in range(1, 1 << nodes):
        members = np.flatnonzero(mask >> np.arange(nodes) & 1)
        pair = Pairs(members[None], np.arange(users)[None])
        bound = sums.fixed[0] + sums.added[0, members].sum()
        vectors = [beam[members] for beam in beams] + [dual(channels, pair).vectors[0]]
        least = max(robust_amplitudes(channels, pair, vector[None])[0] for vector in vectors)
        assert least <= bound * (1 + 1e-12) + 1e-12


def test_certificate_is_valid_for_any_arguments() -> None:
    """Weak duality: random powers and prices still bound beams, those of sets of nodes and of other nodes too."""
    from edgeopt.caching.beamforming.sdr import certificate

    rng = np.random.default_rng(6)
    for _ in range(50):
        channels = random_channels(rng, 3, 3, 2, 0.2)
        beams = [random_beams(rng, 3, 2) for _ in range(20)]
        for members in (np.arange(3), np.array([0, 2])):
            stacked = channels.scaled[members].transpose(1, 0, 2).reshape(3, -1)
            found = certificate(stacked, channels.errors[members], rng.random(3), 5 * rng.random(len(members)))
            pair = Pairs(members[None], np.arange(3)[None])
            assert robust_amplitudes(channels, pair, beams[0][None, members])[0] <= found.bound
            assert dual(channels, pair).amplitudes[0] <= found.bound
            assert_sums_hold(channels, over_the_network(channels, pair, found), beams)


@pytest.mark.parametrize("steps", [0, 3, 40])
def test_ceiling_sums_hold_for_all_sets_of_nodes(steps: int) -> None:
    """Made for some nodes, they bound every set; for these nodes they are as sharp as the ceilings."""
    rng = np.random.default_rng(10)
    for _ in range(20):
        users = int(rng.integers(1, 5))
        channels = random_channels(rng, 4, users, 2, float(rng.choice([0.0, 0.2, 1.0])))
        beams = [random_beams(rng, 4, 2) for _ in range(10)]
        pair = Pairs(np.array([[0, 2, 3, -1]]), np.arange(users)[None])
        sums = ceiling_sums(channels, pair, steps)
        assert_sums_hold(channels, sums, beams)
        whole = min(sums.fixed[0] + sums.added[0, [0, 2, 3]].sum(), channels.reach()[[0, 2, 3]].sum(axis=0).min())
        assert whole == pytest.approx(ceilings(channels, pair, steps).amplitudes[0], rel=1e-9)


def random_beams(rng: np.random.Generator, nodes: int, antennas: int) -> Complexes:
    """Draw beams, some at full power."""
    drawn = rng.normal(size=(nodes, antennas)) + 1j * rng.normal(size=(nodes, antennas))
    return drawn / np.maximum(np.linalg.norm(drawn, axis=1, keepdims=True), 1)


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Clarabel the cone programs say what to install."""
    from edgeopt.caching.beamforming.sca import sca

    monkeypatch.setitem(sys.modules, "clarabel", None)
    channels = random_channels(np.random.default_rng(7), 2, 2, 1, 0.0)
    with pytest.raises(MissingExtra, match=r"\[radio\]"):
        sca(channels, every(2, 2))


def test_memo_asks_once_and_answers_alike() -> None:
    """Each pair (S, K) is worked out once, whatever batch and padding it comes in; the answers are the beamformer's."""
    rng = np.random.default_rng(8)
    channels = random_channels(rng, 4, 3, 2, 0.1)
    asked: list[int] = []

    def counting(channels: Channels, pairs: Pairs) -> Beams:
        asked.append(len(pairs))
        return dual(channels, pairs)

    memo = Memo(counting)
    narrow = Pairs(np.array([[0, 1], [2, -1], [0, 1]]), np.array([[0, 1], [2, -1], [0, 1]]))
    wide = Pairs(np.array([[2, -1, -1], [0, 1, -1], [1, 2, 3]]), np.array([[2, -1, -1], [0, 1, -1], [0, 1, 2]]))
    for pairs in (narrow, wide):
        found, expected = memo(channels, pairs), dual(channels, pairs)
        np.testing.assert_array_equal(found.amplitudes, expected.amplitudes)
        np.testing.assert_array_equal(found.vectors, expected.vectors)
    assert asked == [2, 1]


@pytest.mark.parametrize("steps", [0, 3, 40])
def test_ceilings_hold_for_any_beams(steps: int) -> None:
    """No random or chosen beams exceed the bound, nor does their mean with the stated weights."""
    rng = np.random.default_rng(9)
    tighter = 0
    for _ in range(40):
        users = int(rng.integers(1, 5))
        channels = random_channels(rng, 3, users, 2, float(rng.choice([0.0, 0.2, 1.0])))
        found = ceilings(channels, every(3, users), steps)
        beams = [dual(channels, every(3, users)).vectors[0]]
        for _ in range(20):
            drawn = rng.normal(size=(3, 2)) + 1j * rng.normal(size=(3, 2))
            beams.append(drawn / np.maximum(np.linalg.norm(drawn, axis=1, keepdims=True), 1))
        for beam in beams:
            received = np.abs(np.einsum("nka,na->k", channels.scaled.conj(), beam))
            heard = received - channels.errors @ np.linalg.norm(beam, axis=1)
            assert found.weights[0] @ heard <= found.amplitudes[0] * (1 + 1e-12) + 1e-12
        assert found.weights[0].sum() == pytest.approx(1)
        tighter += found.amplitudes[0] < channels.reach().sum(axis=0).min() * 0.999
    assert tighter >= 5 or steps == 0


@pytest.mark.parametrize("channels", [[1, -1, 1, -1], [1, -1, 1j, -1j]])
def test_ceilings_of_channels_that_cancel(channels: list[complex]) -> None:
    """A sum of all users' channels that is zero leaves a bound: what one of them alone receives."""
    found = ceilings(Channels(np.array(channels)[None, :, None] + 0j, np.zeros(1)), every(1, len(channels)))
    assert found.amplitudes[0] == pytest.approx(1.0)


@pytest.mark.parametrize("seed", [92, 195, 234, 423])
def test_dual_beams_of_channels_that_nearly_cancel(seed: int) -> None:
    """Beams have the power that they state, and reach what they state, where a sum of channels is mere rounding."""
    rng = np.random.default_rng([seed, 9])
    nodes, users, antennas = rng.integers(1, 4), rng.integers(2, 6), rng.integers(1, 4)
    channel = rng.normal(size=antennas) + 1j * rng.normal(size=antennas)
    scaled = rng.choice([1, -1, 2, 0.5], (nodes, users))[:, :, None] * channel
    channels, pairs = Channels(scaled, np.zeros(nodes)), every(nodes, users)
    beams = dual(channels, pairs)
    assert np.linalg.norm(beams.vectors[0], axis=1).max() <= 1 + 1e-10
    assert beams.amplitudes == pytest.approx(np.maximum(robust_amplitudes(channels, pairs, beams.vectors), 0))
