"""Instances of `caching`: edge nodes that cache blocks, fetch them, and broadcast them together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from math import fsum, hypot
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field

from edgeopt.csv_records import read_records
from edgeopt.errors import Finding, InputError, suggestion
from edgeopt.frozen import DictOf, FrozenList, ListOf
from edgeopt.instance import Instance
from edgeopt.libraries.library import Name
from edgeopt.quantities import quantity
from edgeopt.record import Bytes, Count, NonNegative, Positive, Probability, Record, Signed

PROBABILITY_TOLERANCE = 1e-9

ComplexNumber = Annotated[list[Signed], Field(min_length=2, max_length=2), AfterValidator(FrozenList)]


class Node(Record):
    """An edge node.

    Attributes
    ----------
    storage_bytes : int
        C_n.
    power_w : float
        Largest transmit power P_n.
    antennas : int
    """

    storage_bytes: Bytes
    power_w: Positive
    antennas: Count


class Radio(Record):
    """The common downlink channel.

    Attributes
    ----------
    bandwidth_hz : float
    noise_w : float
        Noise power over the whole bandwidth.
    csi_error : float
        Radius of the ball around each known channel vector in which the true one lies; channel amplitude, no unit.
    channels : dict of str to dict of str to list
        By node and user: real and imaginary part for each antenna of the node.
    """

    bandwidth_hz: Positive
    noise_w: Positive
    csi_error: NonNegative
    channels: DictOf[Name, DictOf[Name, ListOf[ComplexNumber]]]


class Link(Record):
    """A directed connection over which cached blocks migrate."""

    source: Annotated[Name, Field(alias="from")]
    to: Name
    rate_bps: Positive


class Backhaul(Record):
    """The connections over which nodes get what they do not cache.

    Attributes
    ----------
    cloud_bps : dict of str to float
        Rate from the cloud by node; a node that is left out cannot fetch from the cloud.
    links : list of Link
        Directed; a pair of nodes without a link does not migrate.
    """

    cloud_bps: DictOf[Name, Positive]
    links: ListOf[Link] = Field(default_factory=FrozenList)


class Scenario(Record):
    """Requests that come together.

    Attributes
    ----------
    probability : float
    requests : dict of str to str
        Model by user; a user that is left out asks for nothing.
    """

    probability: Probability
    requests: DictOf[Name, Name]


class CachingInstance(Instance):
    """Edge nodes, their radio and backhaul, and scenarios of requests.

    Attributes
    ----------
    nodes : dict of str to Node
    radio : Radio
    backhaul : Backhaul
    scenarios : list of Scenario
        Or, in a file, the path of a CSV table (see `read_scenarios`).
        Their probabilities sum to 1, within 1e-9.
    """

    problem: Literal["caching"] = "caching"
    nodes: Annotated[DictOf[Name, Node], Field(min_length=1)]
    radio: Radio
    backhaul: Backhaul
    scenarios: Annotated[ListOf[Scenario], Field(min_length=1)]

    @classmethod
    def from_dict(cls, data: Any, file: str | Path | None = None) -> Self:
        """Check plain data and make the instance; scenarios may be the path of a CSV table, see `read_scenarios`."""
        if isinstance(data, Mapping) and isinstance(data.get("scenarios"), str):
            folder = Path(file).parent if file is not None else Path()
            data = {**data, "scenarios": read_scenarios(folder / data["scenarios"])}
        return super().from_dict(data, file)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; a link's source stands under ``from``."""
        return self.model_dump(mode="json", exclude_none=True, by_alias=True)

    @property
    def users(self) -> list[str]:
        """The users that have channels."""
        return list(dict.fromkeys(user for row in self.radio.channels.values() for user in row))

    def findings(self) -> Iterable[Finding]:
        yield from super().findings()
        yield from self._channel_findings()
        yield from self._backhaul_findings()
        yield from self._scenario_findings()

    def _channel_findings(self) -> Iterable[Finding]:
        users = self.users
        yield from self._unknown_nodes("$.radio.channels", self.radio.channels)
        for name, node in self.nodes.items():
            row = self.radio.channels.get(name)
            if row is None:
                yield Finding("$.radio.channels", f"the node {name!r} has no channels", "give one for each user")
                continue
            for user in users:
                place = f"$.radio.channels.{name}"
                if user not in row:
                    yield Finding(place, f"there is no channel from {name!r} to the user {user!r}", "add it")
                elif len(row[user]) != node.antennas:
                    problem = f"{len(row[user])} channel coefficients for {node.antennas} antennas"
                    yield Finding(f"{place}.{user}", problem, "give [real, imaginary] for each antenna of the node")

    def _backhaul_findings(self) -> Iterable[Finding]:
        yield from self._unknown_nodes("$.backhaul.cloud_bps", self.backhaul.cloud_bps)
        pairs = Counter((link.source, link.to) for link in self.backhaul.links)
        for index, link in enumerate(self.backhaul.links):
            place = f"$.backhaul.links[{index}]"
            for key, node in (("from", link.source), ("to", link.to)):
                if node not in self.nodes:
                    problem = f"there is no node {node!r}"
                    yield Finding(f"{place}.{key}", problem, partial(suggestion, node, list(self.nodes)))
            if link.source == link.to:
                yield Finding(place, f"the link leads from {link.source!r} to itself", "leave it out")
            if pairs[link.source, link.to] > 1:
                yield Finding(place, f"the link from {link.source!r} to {link.to!r} stands twice", "keep one")

    def _scenario_findings(self) -> Iterable[Finding]:
        total = fsum(scenario.probability for scenario in self.scenarios)
        if abs(total - 1) > PROBABILITY_TOLERANCE:
            remedy = f"they should sum to 1, within {PROBABILITY_TOLERANCE:g}"
            yield Finding("$.scenarios", f"the probabilities sum to {total:.12g}", remedy)
        users, models = self.users, list(self.library.models)
        known = set(users)
        for index, scenario in enumerate(self.scenarios):
            for user, model in scenario.requests.items():
                place = f"$.scenarios[{index}].requests.{user}"
                if user not in known:
                    yield Finding(place, f"the user {user!r} has no channels", partial(suggestion, user, users))
                if model not in self.library.models:
                    yield Finding(place, f"the library has no model {model!r}", partial(suggestion, model, models))

    def _unknown_nodes(self, place: str, named: Mapping[str, object]) -> Iterable[Finding]:
        for name in named:
            if name not in self.nodes:
                hint = partial(suggestion, name, list(self.nodes))
                yield Finding(f"{place}.{name}", f"there is no node {name!r}", hint)

    def requesters(self, scenario: int) -> dict[str, list[str]]:
        """Return the users of each requested block in a scenario, K_j, in the order of the requests."""
        requesters: dict[str, list[str]] = {}
        for user, model in self.scenarios[scenario].requests.items():
            for block in self.library.models[model].blocks:
                requesters.setdefault(block, []).append(user)
        return requesters

    def unheard_users(self) -> list[str]:
        """Return the users with a request that no node reaches: no channel vector is longer than the channel error."""
        asking = {user for scenario in self.scenarios for user in scenario.requests}
        return [user for user in self.users if user in asking and self._amplitude(user) <= self.radio.csi_error]

    def _amplitude(self, user: str) -> float:
        rows = self.radio.channels.values()
        return max(hypot(*(part for pair in row[user] for part in pair)) for row in rows)

    def facts(self) -> dict[str, str]:
        storage = [node.storage_bytes for node in self.nodes.values()]
        least, most = quantity(min(storage), "B"), quantity(max(storage), "B")
        asking = {user for scenario in self.scenarios for user in scenario.requests}
        models = {model for scenario in self.scenarios for model in scenario.requests.values()}
        unheard = self.unheard_users()
        cloud = sum(name in self.backhaul.cloud_bps for name in self.nodes)
        silent = f"; no node reaches {', '.join(map(repr, unheard))}" if unheard else ""
        return {
            **super().facts(),
            "nodes": f"{len(self.nodes)}, storage {least if least == most else f'{least} to {most}'} each",
            "requested": f"{len(models)} models, {quantity(self.library.union_bytes(models), 'B')} together",
            "users": f"{len(asking)} with requests in {len(self.scenarios)} scenarios{silent}",
            "backhaul": f"{cloud} nodes reach the cloud, {len(self.backhaul.links)} links between nodes",
            "radio": f"{quantity(self.radio.bandwidth_hz, 'Hz')}, channel error {self.radio.csi_error:.3g}",
        }


def read_scenarios(path: str | Path) -> list[dict[str, Any]]:
    """Read scenarios of a CSV table, one row for each request: ``scenario``, ``probability``, ``user``, ``model``.

    Raises
    ------
    InputError
        A column is missing, or rows of one scenario have different probabilities or a user twice.
    """
    scenarios: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(read_records(path).values()):
        place = f"row {number + 1}"
        missing = [key for key in ("scenario", "probability", "user", "model") if key not in row]
        if missing:
            raise InputError(Finding(place, f"{missing[0]} is missing", "give it in each row"), path)
        scenario = scenarios.setdefault(row["scenario"], {"probability": row["probability"], "requests": {}})
        if scenario["probability"] != row["probability"]:
            problem = f"the scenario {row['scenario']!r} has two probabilities"
            raise InputError(Finding(place, problem, "repeat the same in each of its rows"), path)
        if row["user"] in scenario["requests"]:
            problem = f"the user {row['user']!r} stands twice in the scenario {row['scenario']!r}"
            raise InputError(Finding(place, problem, "a user asks for one model"), path)
        scenario["requests"][row["user"]] = row["model"]
    return list(scenarios.values())


INSTANCE_CLASS = CachingInstance
