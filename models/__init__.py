"""The mathematics: one Pyomo formulation for each problem."""

from edgeopt.engines.lean_pyomo import prepare

prepare()
