"""The methods of `loading`: which instances each takes, by their keys, and where its code stands."""

from __future__ import annotations

from edgeopt.loading.instance import LoadingInstance
from edgeopt.method import Code, Row, keys

# What is free with one deadline, after an upload phase and between consecutive models, is not free otherwise.
ORDERS = keys(deadline_kind="common", upload="phase", retention="consecutive", weighted=False)
WALKS = keys(deadline_kind="individual", upload="phase", retention="consecutive", weighted=False)
# All users are there at time 0, in any other mode.
TOGETHER = keys(stream=False, weighted=False)
COMMON = keys(deadline_kind="common", stream=False, weighted=False)
INDIVIDUAL = keys(deadline_kind="individual", stream=False, weighted=False)
STREAM = keys(stream=True)
# Users are told apart by their weights, whatever the mode and the deadlines.
WEIGHTED = keys(stream=False, weighted=True)
WEIGHTED_ORDERS = keys(deadline_kind="common", upload="phase", retention="consecutive", weighted=True)


METHODS = [
    Row(
        "exact",
        "exact",
        "optimal for any sharing",
        {
            ORDERS: Code("orders.exact:solve_exact"),
            WALKS: Code("walks.exact:solve_exact"),
            COMMON: Code("batches.exact:solve_exact"),
            INDIVIDUAL: Code("batches.exact:solve_individual"),
            STREAM: Code("streams.exact:solve_exact", "streams.exact:refusal"),
            WEIGHTED_ORDERS: Code("orders.weighted_exact:solve_exact"),
            WEIGHTED: Code("batches.exact:solve_individual"),
        },
    ),
    Row(
        "cpsat",
        "exact",
        "optimal up to about 24 models",
        {
            ORDERS: Code("orders.circuit:solve_cpsat", "orders.circuit:size_refusal"),
            WALKS: Code("walks.circuit:solve_cpsat", "walks.circuit:size_refusal"),
            TOGETHER: Code("batches.slots:solve_cpsat", "batches.slots:size_refusal"),
            WEIGHTED: Code("batches.slots:solve_cpsat", "batches.slots:size_refusal"),
        },
    ),
    Row(
        "dp",
        "exact",
        "optimal for tree sharing and one deadline",
        {
            ORDERS: Code("orders.dp:solve_tree", "orders.dp:crossing_refusal"),
            WEIGHTED_ORDERS: Code("orders.weights:solve_tree", "orders.weights:tree_refusal"),
        },
    ),
    Row(
        "modular-dp",
        "exact",
        "optimal for any sharing and one deadline",
        {
            ORDERS: Code("orders.modular_dp:solve_modular", "orders.modular_dp:width_refusal"),
            WEIGHTED_ORDERS: Code("orders.weights:solve_modular", "orders.weights:modular_refusal"),
        },
    ),
    Row(
        "counts-dp",
        "exact",
        "optimal for any sharing and one deadline",
        {COMMON: Code("batches.counts_dp:solve_counts", "batches.counts_dp:refusal")},
    ),
    Row(
        "greedy",
        "heuristic",
        "none",
        {
            ORDERS: Code("orders.greedy:solve_greedy"),
            WALKS: Code("batches.line_search:solve_greedy"),
            COMMON: Code("batches.annealing:solve_greedy"),
            INDIVIDUAL: Code("batches.line_search:solve_greedy"),
            STREAM: Code("streams.searched:solve_greedy"),
            WEIGHTED: Code("batches.line_search:solve_greedy"),
        },
    ),
    Row(
        "local-search",
        "heuristic",
        "none; at least as good as greedy",
        {
            ORDERS: Code("orders.local_search:solve_local_search"),
            WALKS: Code("batches.line_search:solve_local_search"),
            COMMON: Code("batches.annealing:solve_local_search"),
            INDIVIDUAL: Code("batches.line_search:solve_local_search"),
            STREAM: Code("streams.searched:solve_local_search"),
            WEIGHTED: Code("batches.line_search:solve_local_search"),
        },
    ),
    Row("beam", "heuristic", "none; at least as good as greedy", {STREAM: Code("streams.searched:solve_beam")}),
    Row(
        "portfolio",
        "heuristic",
        "none; beams, local search, a bound, and exact where it can",
        {STREAM: Code("streams.portfolio:solve_portfolio")},
    ),
    Row(
        "greedy-append",
        "heuristic",
        "none; can be below no-sharing",
        {ORDERS: Code("orders.greedy:solve_append_only")},
    ),
    Row(
        "tree",
        "heuristic",
        "optimal when the library is laminar",
        {ORDERS: Code("orders.tree:solve_tree_approximation")},
    ),
    Row(
        "bound",
        "bound",
        "an upper bound",
        {
            ORDERS: Code("orders.bounds:solve_bound"),
            WALKS: Code("walks.bounds:solve_bound"),
            COMMON: Code("batches.bounds:solve_bound"),
            INDIVIDUAL: Code("batches.bounds:solve_bound_by_deadlines"),
            STREAM: Code("streams.bound:solve_bound"),
            WEIGHTED: Code("batches.bounds:solve_bound_by_deadlines"),
        },
    ),
    Row(
        "no-sharing",
        "baseline",
        "optimal when each switch loads a whole model, if proved",
        {
            ORDERS: Code("orders.baselines:solve_without_sharing"),
            WALKS: Code("walks.baselines:solve_without_sharing"),
            TOGETHER: Code("batches.baselines:solve_without_sharing"),
            WEIGHTED: Code("batches.baselines:solve_without_sharing"),
        },
    ),
    Row(
        "edf",
        "baseline",
        "none",
        {
            keys(stream=False): Code("batches.in_turn:solve_earliest_deadline_first"),
            STREAM: Code("policies.baselines:earliest_deadline"),
        },
    ),
    Row("random", "baseline", "none", {keys(stream=False): Code("batches.in_turn:solve_at_random")}),
    Row(
        "two-phase",
        "baseline",
        "none; the plan made as if uploads came first",
        {keys(upload="overlapped", stream=False): Code("batches.baselines:solve_two_phase")},
    ),
    Row(
        "consecutive",
        "baseline",
        "none; the plan made as if only consecutive models shared",
        {keys(retention="capacity", stream=False): Code("batches.baselines:solve_consecutive")},
    ),
    Row(
        "lru",
        "baseline",
        "none",
        {
            keys(retention="capacity", deadline_kind="common", stream=False, weighted=False): Code(
                "batches.baselines:solve_least_recently_used"
            )
        },
    ),
]


def not_taken(instance: LoadingInstance, key: str) -> str:
    """Say what is wrong with the value of a key, and what would work."""
    if key == "weighted":
        reason = _weights(instance)
    elif key == "stream" or (instance.stream and key in ("upload", "deadline_kind")):
        reason = _stream(instance)
    elif key == "deadline_kind":
        common = instance.deadline_kind == "common"
        reason = "it does not know one deadline for all users" if common else _different_deadlines(instance)
    elif (key, getattr(instance, key)) == ("upload", "phase"):
        reason = "uploads are a phase of their own here anyway"
    elif (key, getattr(instance, key)) == ("retention", "consecutive"):
        reason = "blocks stay while consecutive models use them here anyway"
    else:
        reason = f"it does not know `{key}`: {getattr(instance, key)!r}"
    return f"{reason}; 'exact' and 'local-search' would work"


def _weights(instance: LoadingInstance) -> str:
    name, user = next((name, user) for name, user in instance.users.items() if user.weight != 1)
    return f"it counts users, but {name!r} has weight {user.weight:g}"


def _stream(instance: LoadingInstance) -> str:
    if not instance.stream:
        return "all users are there at time 0" if instance.users else "it has no users"
    if instance.prefetch != "none":
        return f"it does not know `prefetch`: {instance.prefetch!r}"
    late = next(name for name, user in instance.users.items() if user.arrival_s)
    return f"it needs all users at time 0, but {late!r} arrives at {instance.users[late].arrival_s:g} s"


def _different_deadlines(instance: LoadingInstance) -> str:
    users = list(instance.users.items())
    first, facts = users[0]
    name, other = next((name, user) for name, user in users if user.deadline_s != facts.deadline_s)
    return (
        f"it needs one deadline for all users, but {first!r} has {facts.deadline_s:g} s "
        f"and {name!r} has {other.deadline_s:g} s"
    )
