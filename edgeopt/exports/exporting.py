"""Export instances and plans: find the target, refuse what it does not take, and head its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from edgeopt.certificates import check
from edgeopt.errors import UsageError, suggestion
from edgeopt.exports.kserve import KSERVE
from edgeopt.exports.llama_swap import LLAMA_SWAP
from edgeopt.exports.programs import LP, MPS
from edgeopt.exports.sglang import SGLANG
from edgeopt.exports.target import Request, Target
from edgeopt.exports.vllm import VLLM
from edgeopt.instance import Instance
from edgeopt.solution import Plan, Solution
from edgeopt.versions import installed_version

TARGETS = {target.name: target for target in (LLAMA_SWAP, SGLANG, KSERVE, VLLM, LP, MPS)}


def find_target(name: str) -> Target:
    """Return the target of this name.

    Raises
    ------
    UsageError
        There is none.
    """
    if name not in TARGETS:
        raise UsageError(f"there is no target {name!r}; {suggestion(name, list(TARGETS))}")
    return TARGETS[name]


def export(
    instance: Instance,
    to: str,
    plan: Plan | Solution | None = None,
    *,
    models: Sequence[str] | None = None,
    names: Mapping[str, str] | None = None,
    max_lora_rank: int | None = None,
    origin: str = "",
) -> tuple[dict[str, str], str]:
    """Return the files of another program, and what a person should know of them. Nothing is executed.

    Parameters
    ----------
    instance : Instance
    to : str
        A name of `TARGETS`.
    plan : dict or Solution, optional
        The plan, for targets that need one; it is checked.
    models : sequence of str, optional
        The only models to be written; default: all.
    names : mapping of str to str, optional
        What models are called in the file, where it is not as in the library.
    max_lora_rank : int, optional
        For targets that serve adapters.
    origin : str
        What the first line says that the file was written from; default: the instance's name.

    Returns
    -------
    files : dict of str to str
        Texts by node; a single file has the empty name.
    remark : str

    Raises
    ------
    UsageError
        The target does not take the instance, its library, its names, or needs a plan that is not there.
    """
    target = find_target(to)
    if target.problems and instance.problem not in target.problems:
        raise UsageError(f"{to} takes instances of {' and '.join(target.problems)}, not of {instance.problem}")
    chosen = None if models is None else list(models)
    request = Request(instance, models=chosen, names=dict(names or {}), max_lora_rank=max_lora_rank)
    files, remark = target.write(replace(request, plan=_checked(instance, plan, target)))
    if target.problems:
        version = installed_version("edgeopt")
        head = f"# Written by edgeopt {version} from {_one_line(origin or instance.name)}. Nothing was executed.\n"
        files = {node: head + text for node, text in files.items()}
    return files, remark


def _checked(instance: Instance, plan: Plan | Solution | None, target: Target) -> Plan | None:
    found = plan.of(instance).plan if isinstance(plan, Solution) else plan
    if not target.needs_plan:
        return None
    if found is None:
        raise UsageError(f"{target.name} needs a solution with a plan: edgeopt solve INSTANCE -o SOLUTION")
    violations = check(instance, found).violations
    if violations:
        raise UsageError(f"the plan breaks: {violations[0]}")
    return found


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
