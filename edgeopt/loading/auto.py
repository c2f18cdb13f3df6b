"""Which method `auto` takes for an instance of `loading`."""

from __future__ import annotations

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.orders.modular_dp import WIDEST
from edgeopt.loading.relaxations import too_large
from edgeopt.loading.workload import compile_workload
from edgeopt.method import methods
from edgeopt.run import Options

FOR_INDIVIDUAL_DEADLINES = ("exact", "cpsat", "local-search", "greedy", "edf")

# Users times models, with individual deadlines: proved in a minute; bounded well in minutes.
PROVED, BOUNDED = 500, 5_000


def choose(instance: LoadingInstance, options: Options) -> tuple[str, str]:
    """Return the name of the best method that fits the instance, and why it is the best."""
    if instance.stream:
        reason = methods("loading")["exact"].refusal(instance)
        if reason is None:
            return "exact", "the users arrive over time, and are few enough for a proof"
        return (
            "portfolio",
            "the users arrive over time, and are too many for a proof; it searches, and bounds the optimum",
        )
    if instance.weighted:
        return _with_weights(instance, options)
    common = instance.deadline_kind == "common"
    if not instance.usual_modes and common:
        return "exact", "the only method that can prove the optimum in this mode at any size"
    if not common and instance.retention == "consecutive":
        return _by_walks(instance, options)
    if not instance.usual_modes:
        return _for_individual_deadlines(instance)
    sharing = compile_workload(instance).prefixes.sharing
    if sharing.crossing_atoms is None:
        return "dp", "tree sharing and one deadline, solved exactly in O(K^2) for K users"
    if methods("loading")["modular-dp"].refusal(instance) is None:
        return "modular-dp", f"no more than {WIDEST} groups of models cross, solved exactly"
    reason = too_large(compile_workload(instance).prefixes)
    if reason:
        return "local-search", f"{reason} of an exact method"
    return "exact", "blocks cross in too many groups for a dynamic program"


def _with_weights(instance: LoadingInstance, options: Options) -> tuple[str, str]:
    """Choose for users of different weights, whatever the mode."""
    if instance.usual_modes and instance.deadline_kind == "common":
        for name, sharing in (("dp", "tree sharing"), ("modular-dp", "few groups of models that cross")):
            if methods("loading")[name].refusal(instance) is None:
                return name, f"{sharing}, one deadline, and weights of few units, solved exactly"
    size = len(instance.users) * len({user.model for user in instance.users.values()})
    if size <= PROVED:
        return "exact", "the users have weights, and are few enough for a proof"
    if options.time_limit is not None and size <= BOUNDED:
        return "exact", "the users have weights; it searches locally and bounds within the time limit"
    return "local-search", "the users have weights, and are too many for a proof"


def _by_walks(instance: LoadingInstance, options: Options) -> tuple[str, str]:
    """Choose for individual deadlines with consecutive retention."""
    size = len(instance.users) * len({user.model for user in instance.users.values()})
    if size <= PROVED:
        return "exact", "the users have different deadlines, and are few enough for a proof"
    if options.time_limit is not None and size <= BOUNDED:
        return "exact", "the users have different deadlines; it searches locally and bounds within the time limit"
    return "local-search", "the users have different deadlines, and are too many for a proof"


def _for_individual_deadlines(instance: LoadingInstance) -> tuple[str, str]:
    known = methods("loading")
    name = next(name for name in FOR_INDIVIDUAL_DEADLINES if name in known and known[name].refusal(instance) is None)
    return name, f"the users have different deadlines; the best that takes them promises {known[name].guarantee}"
