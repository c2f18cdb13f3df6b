"""The mathematics: one Pyomo formulation for each problem."""
