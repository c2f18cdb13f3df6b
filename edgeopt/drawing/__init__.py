"""The base of every figure: colours, a figure without global state, names as they may be drawn."""
