"""Solvers behind one interface each; they know no problem."""
