"""Plans and instances as files of other programs: serving systems, and solvers. Nothing is executed."""
