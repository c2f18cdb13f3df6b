"""What a sweep runs: instances x methods x seeds with limits, read from a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, PrivateAttr

from edgeopt.errors import Finding, InputError
from edgeopt.files import read_text
from edgeopt.frozen import ListOf, PlainData
from edgeopt.instance import Instance
from edgeopt.libraries.library import Name
from edgeopt.problems import PROBLEMS
from edgeopt.record import Gap, Positive, Record

SUITE_FORMAT: Final = "edgeopt-suite/1"
GRACE_S = 60.0

Seed = Annotated[int, Field(ge=0, lt=2**31)]
Count = Annotated[int, Field(ge=1)]
Seeds = Annotated[ListOf[Seed], Field(min_length=1)]
ProblemName = Literal["loading", "pulling", "caching", "placement", "residency"]


class InstanceBlock(Record):
    """Instances: files, one that is in memory, or a grid of drawn ones; each can be varied.

    Attributes
    ----------
    files : list of str, optional
        Paths or globs, relative to the suite's file.
    problem : str, optional
        Problem of the generator.
    generate : dict, optional
        Arguments of the generator; a list is an axis of the grid.
    instance : dict, optional
        The content of an instance: in Python an `Instance` may stand here, or in place of the block.
    label : str, optional
        Appended to the names of drawn instances, where another block draws instances of the same names.
    vary : dict, optional
        Values of keys by their paths, as `edgeopt.varied` takes them; every combination is an instance.
    """

    files: Annotated[ListOf[Name], Field(min_length=1)] | None = None
    problem: ProblemName | None = None
    generate: PlainData | None = None
    instance: PlainData | None = None
    label: Name | None = None
    vary: PlainData | None = None

    def faults(self, place: str) -> Iterator[Finding]:
        """Return what does not fit together."""
        if sum(source is not None for source in (self.files, self.generate, self.instance)) != 1:
            yield Finding(place, "it should give one of 'files', 'generate' and 'instance'", "split it into blocks")
        elif self.generate is not None and self.problem is None:
            yield Finding(place, "the key 'problem' is missing", f"one of {', '.join(PROBLEMS)}")
        elif self.generate is None and self.problem is not None:
            yield Finding(f"{place}.problem", "instances say themselves of which problem they are", "leave it out")
        elif self.generate is None and self.label is not None:
            yield Finding(f"{place}.label", "instances that are not drawn have their names", "leave it out")


class MethodBlock(Record):
    """Methods of one problem; what is given here holds instead of what the suite says.

    Attributes
    ----------
    problem : str
        Problem whose instances they run on.
    names : list of str
        Names of methods, as `edgeopt methods` lists them, or of a plug-in.
    seeds : list of int, optional
        Seeds of these methods.
    time_limit_s, iteration_limit, gap_limit, threads : optional
        Limits of these methods.
    """

    problem: ProblemName
    names: Annotated[ListOf[Name], Field(min_length=1)]
    seeds: Seeds | None = None
    time_limit_s: Positive | None = None
    iteration_limit: Count | None = None
    gap_limit: Gap | None = None
    threads: Count | None = None


class Suite(Record):
    """A suite of runs: every method runs on every instance of its problem, with each of its seeds.

    Attributes
    ----------
    name : str
        The name that results and reports show.
    time_limit_s : float
        Seconds of each run.
    grace_s : float
        A run that has not ended this long after its time limit is ended from outside; starting the process and
        reading the instance is in it.
    iteration_limit : int, optional
        Iterations of each run: unlike seconds they make runs repeatable.
    gap_limit : float
        Relative gap at which a proof may stop.
    threads : int
        Threads of each run.
    seeds : list of int
        Seeds of each method.
    plugins : list of str
        Python files (relative to the suite's file) or installed modules that register methods.
    instances : list of InstanceBlock
        Instances that are run.
    methods : list of MethodBlock
        Methods that run on them.
    """

    format: Literal["edgeopt-suite/1"]
    name: Name
    time_limit_s: Positive
    grace_s: Positive = GRACE_S
    iteration_limit: Count | None = None
    gap_limit: Gap = 0.0
    threads: Count = 1
    seeds: Seeds = Field(default=[0], validate_default=True)
    plugins: ListOf[Name] = Field(default=[], validate_default=True)
    instances: Annotated[ListOf[InstanceBlock], Field(min_length=1)]
    methods: Annotated[ListOf[MethodBlock], Field(min_length=1)]

    _folder: Path = PrivateAttr(default=Path())
    _file: Path | None = PrivateAttr(default=None)

    @property
    def folder(self) -> Path:
        """The folder that the suite's paths are relative to."""
        return self._folder

    @property
    def file(self) -> Path | None:
        """The file that the suite was read from, for messages."""
        return self._file

    def findings(self) -> Iterable[Finding]:
        for index, block in enumerate(self.instances):
            yield from block.faults(f"$.instances[{index}]")

    @classmethod
    def read(cls, path: str | Path) -> Suite:
        """Read a suite.

        Raises
        ------
        InputError
            The file is not a suite; the error names the place and what would be right.
        """
        suite = cls.from_dict(_read_toml(Path(path)), file=path)
        suite._folder, suite._file = Path(path).parent, Path(path)
        return suite

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Suite:
        """Make a suite of what its file would say, in which instances may stand as objects."""
        blocks = data.get("instances")
        if isinstance(blocks, Sequence) and not isinstance(blocks, str):
            data = {**data, "instances": [_with_content(block) for block in blocks]}
        return cls.from_dict({"format": SUITE_FORMAT, **data})

    def options(self, block: MethodBlock) -> dict[str, Any]:
        """Return the limits of a block's runs."""

        def given(key: str) -> Any:
            value = getattr(block, key)
            return getattr(self, key) if value is None else value

        return {
            "time_limit_s": float(given("time_limit_s")),
            "iteration_limit": given("iteration_limit"),
            "gap_limit": float(given("gap_limit")),
            "threads": given("threads"),
        }


def _with_content(block: Any) -> Any:
    """Return a block in which an instance is plain data."""
    if isinstance(block, Instance):
        return {"instance": block.to_dict()}
    if isinstance(block, Mapping) and isinstance(block.get("instance"), Instance):
        return {**block, "instance": block["instance"].to_dict()}
    return block


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise InputError(Finding("$", f"this is not TOML: {error}"), path) from None
