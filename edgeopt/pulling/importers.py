"""Other people's file formats that are special cases of `pulling`.

- Google Hash Code 2017, "Streaming Videos": videos are models of one block, pulling is free, routing is direct.
- OR-Library warehouse location: one model of one block per site whose pulling delay is the fixed cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgeopt.errors import Finding, InputError
from edgeopt.files import read_text
from edgeopt.pulling.instance import PullingInstance

ANY_SPEED = 1.0  # models of these problems compute nothing
MEGABYTE = 1_000_000
NO_TRANSFER_BPS = 1.0  # requests send no bits, so that only latencies count


def read_hashcode(path: str | Path) -> PullingInstance:
    """Read a Hash Code 2017 file as an exact special case.

    The total delay is the sum over requests of count times latency in milliseconds, written as seconds, so that a
    saved millisecond is a saved unit. Hence score = floor(1000 * (latency from the data centre - objective) /
    counts), see `hashcode_score`. Rows with the same video and endpoint are summed. Videos larger than every cache
    stay in the data centre.

    Raises
    ------
    InputError
        The file cannot be read, or has not as many numbers as its first line says.
    """
    numbers = _numbers(path, whole=True)
    videos, endpoints, descriptions, caches, capacity = (next(numbers) for _ in range(5))
    sizes = [next(numbers) for _ in range(videos)]
    links: list[dict[str, Any]] = []

    def link(first: str, second: str, latency: int) -> None:
        ends = {"between": [first, second], "bandwidth_bps": NO_TRANSFER_BPS, "latency_s": latency / 1000}
        links.append(ends)

    for endpoint in range(endpoints):
        link(f"endpoint{endpoint}", "cloud", next(numbers))
        for _ in range(next(numbers)):
            cache, latency = next(numbers), next(numbers)
            if cache >= caches:
                raise InputError(Finding("$", f"there is no cache {cache}", f"caches are 0 to {caches - 1}"), path)
            link(f"endpoint{endpoint}", f"cache{cache}", latency)
    counts: dict[tuple[int, int], int] = {}
    for _ in range(descriptions):
        video, endpoint, count = next(numbers), next(numbers), next(numbers)
        if video >= videos or endpoint >= endpoints:
            raise InputError(Finding("$", f"a request names video {video} and endpoint {endpoint}"), path)
        counts[video, endpoint] = counts.get((video, endpoint), 0) + count
    _no_more(numbers, path)
    viewed = sorted({video for video, _ in counts})
    return PullingInstance.from_dict(
        {
            "name": Path(path).stem,
            "library": {
                "format": "edgeopt-library/1",
                "name": f"{Path(path).stem} videos",
                "blocks": {f"video{video}": sizes[video] * MEGABYTE for video in viewed},
                "models": {f"video{video}": {"blocks": [f"video{video}"], "flops_per_sample": 0.0} for video in viewed},
            },
            "cloud": {"name": "cloud", "speed_flops_per_s": ANY_SPEED},
            "cloudlets": {
                f"cache{cache}": {
                    "memory_bytes": capacity * MEGABYTE,
                    "speed_flops_per_s": ANY_SPEED,
                    "pull_delay_s": 0.0,
                }
                for cache in range(caches)
            },
            "links": links,
            "routing": "direct",
            "requests": {
                f"video{video}@endpoint{endpoint}": {
                    "node": f"endpoint{endpoint}",
                    "models": [f"video{video}"],
                    "input_bits": 0.0,
                    "samples": 0,
                    "count": count,
                }
                for (video, endpoint), count in counts.items()
                if count > 0
            },
        },
        file=path,
    )


def hashcode_score(instance: PullingInstance, objective_s: float) -> int:
    """Return the contest's score of a total delay: 1000 times the milliseconds saved per request, rounded down."""
    latency = {link.between[0]: round(1000 * link.latency_s) for link in instance.links if link.between[1] == "cloud"}
    requests = instance.requests.values()
    from_cloud = sum(request.count * latency[request.node] for request in requests)
    saved = from_cloud - round(1000 * objective_s)
    return 1000 * saved // max(1, sum(request.count for request in requests))


def read_facility_location(path: str | Path) -> PullingInstance:
    """Read an OR-Library warehouse location file as an exact special case without capacities.

    Each site holds at most the one block, whose pulling delay is the fixed cost; a customer's service at a site costs
    what the file says, written as seconds. The capacities are not used: for cap71, cap101 and cap131 they do not bind.

    Raises
    ------
    InputError
        The file cannot be read, or has not as many numbers as its first line says.
    """
    numbers = _numbers(path, whole=False)
    sites, customers = int(next(numbers)), int(next(numbers))
    fixed = [(next(numbers), next(numbers))[1] for _ in range(sites)]
    links: list[dict[str, Any]] = []
    for customer in range(customers):
        next(numbers)  # the demand: the costs are those of all of it
        for site in range(sites):
            ends = [f"customer{customer}", f"site{site}"]
            links.append({"between": ends, "bandwidth_bps": NO_TRANSFER_BPS, "latency_s": next(numbers)})
    _no_more(numbers, path)
    return PullingInstance.from_dict(
        {
            "name": Path(path).stem,
            "library": {
                "format": "edgeopt-library/1",
                "name": "warehouse",
                "blocks": {"warehouse": 1},
                "models": {"warehouse": {"blocks": ["warehouse"], "flops_per_sample": 0.0}},
            },
            "cloud": {"name": "cloud", "speed_flops_per_s": ANY_SPEED},
            "cloudlets": {
                f"site{site}": {"memory_bytes": 1, "speed_flops_per_s": ANY_SPEED, "pull_delay_s": cost}
                for site, cost in enumerate(fixed)
            },
            "links": links,
            "routing": "direct",
            "requests": {
                f"customer{customer}": {
                    "node": f"customer{customer}",
                    "models": ["warehouse"],
                    "input_bits": 0.0,
                    "samples": 0,
                }
                for customer in range(customers)
            },
        },
        file=path,
    )


def _numbers(path: str | Path, whole: bool) -> Iterator[Any]:
    """Yield the numbers of a file; asking for more than there are is an error."""
    words = read_text(path).replace("capacity", "0").split()
    for position, word in enumerate(words, 1):
        try:
            number = int(word) if whole else float(word)
        except ValueError:
            kind = "a whole number" if whole else "a number"
            raise InputError(Finding("$", f"entry {position} is {word!r}, not {kind}"), path) from None
        if number < 0:
            raise InputError(Finding("$", f"entry {position} is negative: {word}"), path)
        yield number
    raise InputError(Finding("$", f"the file ends after {len(words)} numbers", "its first line asks for more"), path)


def _no_more(numbers: Iterator[Any], path: str | Path) -> None:
    try:
        extra = next(numbers)
    except InputError:
        return
    raise InputError(Finding("$", f"a number too many: {extra}", "its first line asks for fewer"), path)


READERS = {"hashcode": read_hashcode, "facility-location": read_facility_location}
