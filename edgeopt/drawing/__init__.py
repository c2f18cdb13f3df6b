"""What every figure starts from: colours, a figure without global state, names as they may be drawn."""
