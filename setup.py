"""Which packages there are: those that stand in edgeopt/, and the formulations, which stand at the top."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["edgeopt", "edgeopt.*"]), "edgeopt.models"])
