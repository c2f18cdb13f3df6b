"""The models that may serve each request."""

from __future__ import annotations

from typing import NamedTuple

from edgeopt.pulling.instance import PullingInstance, Request


class Admissible(NamedTuple):
    """The models that may serve a request, in the library's order; equal ones are the same object.

    Attributes
    ----------
    models : tuple of str
    delay_s : tuple of float
        Seconds that the request takes with each, beside sending, computing and pulling.
    """

    models: tuple[str, ...]
    delay_s: tuple[float, ...]


def admissible_models(instance: PullingInstance) -> dict[str, Admissible]:
    """Return the models that may serve each request."""
    order = {name: position for position, name in enumerate(instance.library.models)}
    cache: dict[object, Admissible] = {}
    same: dict[Admissible, Admissible] = {}
    found = {}
    for name, request in instance.requests.items():
        if request.offers:
            kept = [model for model in request.offers if _offered(instance, request, model)]
            chosen = sorted(kept, key=order.__getitem__)
            entry = Admissible(tuple(chosen), tuple(request.offers[model].delay_s for model in chosen))
        else:
            key = (request.task, request.min_accuracy) if request.models is None else tuple(request.models)
            if key not in cache:
                cache[key] = _without_offers(instance, request, order)
            entry = cache[key]
        found[name] = same.setdefault(entry, entry)
    return found


def _without_offers(instance: PullingInstance, request: Request, order: dict[str, int]) -> Admissible:
    if request.models is not None:
        models = tuple(sorted(request.models, key=order.__getitem__))
    else:
        least = request.min_accuracy or 0.0
        models = tuple(
            name
            for name, model in instance.library.models.items()
            if model.task == request.task and model.accuracy is not None and model.accuracy >= least
        )
    return Admissible(models, (0.0,) * len(models))


def _offered(instance: PullingInstance, request: Request, model: str) -> bool:
    """Say whether an offer keeps the limits of its request."""
    offer = request.offers[model]
    accuracy = instance.library.models[model].accuracy if offer.accuracy is None else offer.accuracy
    dear = request.max_cost is not None and (offer.cost or 0.0) > request.max_cost
    return not dear and (request.min_accuracy is None or (accuracy or 0.0) >= request.min_accuracy)
