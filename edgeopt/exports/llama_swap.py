"""The matrix of llama-swap: which models may run together, and what evicting each costs.

Format: github.com/mostlygeek/llama-swap, commit 0bdb372: `config-schema.json` (vars have 1 to 8 letters and digits;
costs are whole and at least 1), `internal/config/matrix.go`, `merge.go` (a key that stands in two files is an error).
"""

from __future__ import annotations

import re

from edgeopt.errors import UsageError
from edgeopt.exports.target import Request, Target, joined, require_shared_by
from edgeopt.exports.yaml_text import yaml_text
from edgeopt.residency.costs import MOST_SETS, evict_costs, ordered_sets
from edgeopt.residency.instance import ResidencyInstance

NAME = re.compile(r"[^\x00-\x20\x7f]+")
RULE = "a model of llama-swap has a name without blanks"


def write(request: Request) -> tuple[dict[str, str], str]:
    """Write all maximal sets of models that fit on the GPU, and the costs of `edgeopt.residency.costs`.

    Raises
    ------
    UsageError
        The library counts shared bytes, no model fits, or more than 500 sets fit or are too many to find all.
    """
    instance = request.instance
    assert isinstance(instance, ResidencyInstance)
    library = instance.library
    require_shared_by(library, "nobody", "llama-swap", "llama-swap starts a process for each model")
    every = evict_costs(instance)
    chosen = [model for model in every if request.models is None or model in request.models]
    costs = {model: every[model] for model in chosen if library.size_bytes(model) <= instance.memory_bytes}
    too_large = [model for model in chosen if model not in costs]
    if not costs:
        raise UsageError("no model fits on the GPU")
    sets = ordered_sets(instance, costs, MOST_SETS)
    if sets is None:
        raise UsageError(
            f"more than {MOST_SETS} sets of the {len(costs)} models fit on the GPU, or too many to find all; "
            "name fewer with --models, those that are requested most"
        )
    variables = {model: f"m{number}" for number, model in enumerate(costs, 1)}
    matrix = {
        "vars": {variables[model]: request.legal_name(model, NAME, RULE) for model in costs},
        "evict_costs": {variables[model]: cost for model, cost in costs.items()},
        "sets": {f"fits-{number}": " & ".join(map(variables.__getitem__, held)) for number, held in enumerate(sets, 1)},
    }
    text = yaml_text({"routing": {"router": {"use": "matrix", "settings": {"matrix": matrix}}}})
    noun = "set fits" if len(sets) == 1 else "sets fit"
    left = f"; left out, for they do not fit on the GPU: {joined(too_large)}" if too_large else ""
    return {"": text}, f"{len(sets)} {noun}{left}; start: llama-swap --config config.yaml --config-dir FOLDER"


LLAMA_SWAP = Target(
    "llama-swap", "matrix of models that fit together, with costs", ("residency",), False, (".yaml", ".yml"), write
)
