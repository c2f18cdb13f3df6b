"""The mathematics: one Pyomo formulation for each problem."""

from edgeopt.lean_imports import import_pyomo

import_pyomo()
