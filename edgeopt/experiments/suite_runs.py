"""The runs that a suite requests: its instances are read or drawn, and its methods are looked up."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeopt.errors import Finding, InputError, UsageError, suggestion
from edgeopt.experiments.grids import drawn_instances
from edgeopt.experiments.plugins import Plugin, import_plugin
from edgeopt.experiments.store import StoredInstance
from edgeopt.experiments.suite import InstanceBlock, MethodBlock, Suite
from edgeopt.instance import Instance, instance_from_dict, read
from edgeopt.method import methods
from edgeopt.variations import Variation, varied

AUTO = "auto"
IN_MEMORY = "in memory"


@dataclass(frozen=True)
class RequestedRun:
    """A run that a suite requests: a method with its seed and limits, on an instance.

    Attributes
    ----------
    sha256 : str
        Hash of the instance.
    method : str
    seed : int
    options : dict
        Limits; part of the run's identity.
    """

    sha256: str
    method: str
    seed: int
    options: dict[str, Any]


def requested(suite: Suite) -> tuple[list[Plugin], list[StoredInstance], list[RequestedRun]]:
    """Read all that a suite names: its plug-ins, its instances, and the runs that it requests.

    Raises
    ------
    InputError
        Something is not what it should be.
    """
    plugins, instances = suite_plugins(suite), suite_instances(suite)
    return plugins, instances, suite_runs(suite, instances, plugins)


def suite_plugins(suite: Suite) -> list[Plugin]:
    """Read and import the suite's plug-ins, so that their methods are known.

    Raises
    ------
    InputError
        One cannot be read or imported.
    """
    plugins = []
    for index, name in enumerate(suite.plugins):
        place = f"$.plugins[{index}]"
        if name.endswith(".py") and not (suite.folder / name).is_file():
            remedy = "the path is relative to the suite's file"
            raise InputError(Finding(place, f"there is no file {name!r}", remedy), suite.file)
        try:
            plugins.append(import_plugin(name, suite.folder))
        except UsageError as error:
            remedy = "give a Python file or an installed module"
            raise InputError(Finding(place, str(error), remedy), suite.file) from None
    return plugins


def suite_instances(suite: Suite) -> list[StoredInstance]:
    """Read and draw the instances of a suite, equal ones once.

    Raises
    ------
    InputError
        A file is not an instance, a glob finds nothing, or a generator refuses its arguments.
    """
    instances: dict[str, StoredInstance] = {}
    for index, block in enumerate(suite.instances):
        place = f"$.instances[{index}]"
        for instance, source, arguments in _block_instances(block, suite, place):
            for variation in _variations(instance, block, suite, place):
                stored = StoredInstance.of(variation.instance, source, {**arguments, **variation.values})
                instances.setdefault(stored.sha256, stored)
    return list(instances.values())


def _block_instances(block: InstanceBlock, suite: Suite, place: str) -> Iterator[tuple[Instance, str, dict[str, Any]]]:
    """Yield a block's instances before they are varied, where each comes from, and the arguments of drawn ones."""
    if block.generate is not None and block.problem is not None:
        yield from drawn_instances(block.problem, block.generate, block.label or "", suite, place)
    elif block.instance is not None:
        try:
            instance = instance_from_dict(block.instance)
        except InputError as error:
            raise error.located(suite.file, f"{place}.instance") from None
        yield instance, IN_MEMORY, {}
    for number, pattern in enumerate(block.files or ()):
        for path in _matches(suite, pattern, f"{place}.files[{number}]"):
            yield read(path), path.as_posix(), {}


def _variations(instance: Instance, block: InstanceBlock, suite: Suite, place: str) -> Iterator[Variation]:
    """Yield the variations of an instance, whose names tell what is varied."""
    if block.vary is None:
        yield Variation({}, instance)
        return
    try:
        for variation in varied(instance, block.vary):
            name = "-".join([instance.name, *(f"{path}={value}" for path, value in variation.values.items())])
            yield Variation(variation.values, variation.instance.replace(name=name))
    except (InputError, UsageError) as error:
        raise InputError(Finding(f"{place}.vary", str(error)), suite.file) from None


def _matches(suite: Suite, pattern: str, place: str) -> list[Path]:
    paths = sorted(glob.glob(str(suite.folder / pattern), recursive=True))
    if not paths:
        problem = f"there is no file {pattern!r}"
        raise InputError(Finding(place, problem, "the path is relative to the suite's file"), suite.file)
    return [Path(path) for path in paths]


def suite_runs(suite: Suite, instances: list[StoredInstance], plugins: list[Plugin]) -> list[RequestedRun]:
    """List the runs: instance by instance, each method with each of its seeds.

    Raises
    ------
    InputError
        A method does not exist, an instance's problem has no methods, or methods have no instance.
    """
    _require_known(suite)
    _require_partners(suite, instances)
    blocks = [(block, name) for block in suite.methods for name in block.names]
    return [
        RequestedRun(instance.sha256, name, seed, _options(suite, block, name, plugins))
        for instance in instances
        for block, name in blocks
        if block.problem == instance.problem
        for seed in block.seeds or suite.seeds
    ]


def _options(suite: Suite, block: MethodBlock, name: str, plugins: list[Plugin]) -> dict[str, Any]:
    """Return the limits of a run and, for a plug-in's method, the hash of its file: another content is another run."""
    options = suite.options(block)
    for plugin in plugins:
        if plugin.file and name != AUTO and plugin.registered(methods(block.problem)[name]):
            options["plugin_sha256"] = plugin.sha256
    return options


def _require_known(suite: Suite) -> None:
    findings = [
        Finding(
            f"$.methods[{index}].names[{number}]",
            f"{block.problem} has no method {name!r}",
            suggestion(name, list(methods(block.problem))),
        )
        for index, block in enumerate(suite.methods)
        for number, name in enumerate(block.names)
        if name != AUTO and name not in methods(block.problem)
    ]
    if findings:
        raise InputError(findings, suite.file)


def _require_partners(suite: Suite, instances: list[StoredInstance]) -> None:
    findings = list(_without_partner(suite, instances))
    if findings:
        raise InputError(findings, suite.file)


def _without_partner(suite: Suite, instances: list[StoredInstance]) -> Iterator[Finding]:
    solved = {block.problem for block in suite.methods}
    for problem in {instance.problem: None for instance in instances}:
        if problem not in solved:
            example = next(instance.source for instance in instances if instance.problem == problem)
            remedy = f'add a block [[methods]] with problem = "{problem}"'
            yield Finding("$.methods", f"no method is named for the problem {problem!r} of {example}", remedy)
    for index, block in enumerate(suite.methods):
        if not any(instance.problem == block.problem for instance in instances):
            problem = f"no instance is of the problem {block.problem!r}"
            yield Finding(f"$.methods[{index}]", problem, "add instances, or leave the methods out")
