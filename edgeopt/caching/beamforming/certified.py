"""Pairs with semidefinite certificates, and with the best beams that edgeopt knows to make."""

from __future__ import annotations

import numpy as np

from edgeopt.caching.beamforming.channels import Beams, Channels, Pairs
from edgeopt.caching.beamforming.conic import is_installed
from edgeopt.caching.beamforming.memo import Memo
from edgeopt.caching.beamforming.sca import sca
from edgeopt.caching.beamforming.sdr import CLOSE, BeamRelaxation, randomized, relaxations
from edgeopt.versions import install_command

TIGHT = 1e-9  # relative distance of beams to their bound that is not worth a cone program


def certified(
    channels: Channels, pairs: Pairs, beamformer: Memo, close: float = CLOSE
) -> tuple[list[BeamRelaxation], Beams]:
    """Solve the relaxations of pairs, and teach a beamformer better beams: those of `sca` where they stay apart.

    Parameters
    ----------
    channels : Channels
    pairs : Pairs
    beamformer : Memo
    close : float
        See `edgeopt.caching.beamforming.sdr.relax`.
    """
    solved = relaxations(channels, pairs, close)
    bounds = np.array([relaxation.bound for relaxation in solved])
    beamformer.learn(pairs, randomized(channels, pairs, solved))
    beams = beamformer(channels, pairs)
    loose = np.flatnonzero(beams.amplitudes < bounds * (1 - TIGHT))
    if len(loose) and is_installed():
        rest = Pairs(pairs.nodes[loose], pairs.users[loose])
        beamformer.learn(rest, sca(channels, rest, start=Beams(beams.amplitudes[loose], beams.vectors[loose])))
        beams = beamformer(channels, pairs)
    return solved, beams


def missing_extra() -> str:
    """Say what better beams need, if it is not installed."""
    return "" if is_installed() else f". Better beams need an extra: {install_command('radio')}"
