"""The report of a replay: what each policy served, and what the GPU did under the best one."""

from __future__ import annotations

from collections.abc import Mapping

from edgeopt.loading.policies.study import Study
from edgeopt.quantities import number
from edgeopt.reporting.markup import tag
from edgeopt.reporting.page import card, facts_list, page, tile
from edgeopt.reporting.plan_figure import inline_svg
from edgeopt.reporting.tables import Cell, Column, TableRow, scroll_hint, table, without_empty

NOTES = {
    "share": "part of all requests that are served in time",
    "weight": "of the requests that are served in time",
    "weight share": "part of the weight of all requests",
    "p50": "median of the seconds from arrival to answer, of the served",
    "p95": "95 % of the served wait no longer",
    "p99": "99 % of the served wait no longer",
    "loading": "time in which the GPU only loads",
    "regret": "part of the best known plan's users that the policy does not serve",
    "gap": "to the proven bound on what any plan serves",
    "decision": "median time of a decision",
}


def replay_page(study: Study, facts: Mapping[str, str]) -> str:
    """Return the report as one HTML page.

    Parameters
    ----------
    study : Study
    facts : mapping of str to str
        What else is known of how it was made: the command.
    """
    instance = study.instance
    title = f"{instance.name}: policies replayed"
    best = max(study.replays, key=lambda replay: replay.worth)
    bound = "" if study.bound is None else f"no plan serves more than {study.bound:g}"
    tiles = [
        tile("requests", str(len(instance.users))),
        tile("most served online", f"{best.served_share:.1%}", f"{best.served} by {best.policy}"),
        tile("best known plan", number(study.best_known), bound),
    ]
    what = f"What the GPU does under {best.policy}"
    picture = inline_svg(study.solutions()[best.policy].plot, "gpu", what, f"{best.served} requests served in time")
    box = tag("figure", picture, class_="scroll", tabindex="0", role="group", aria_label=what)
    content = [
        tag("p", "loading: policies that know nothing of the future", class_="eyebrow"),
        tag("h1", instance.name),
        tag("dl", *tiles, class_="tiles"),
        card("Policies", _policies(study)),
        card(what, scroll_hint("picture"), box),
        card("The stream", facts_list({**instance.facts(), **facts})),
    ]
    return page(title, tag("article", *content, class_="instance"))


def _policies(study: Study) -> str:
    columns = [Column(heading, NOTES.get(heading, ""), numeric=heading != "policy") for heading in study.headings]
    keys = [key for key in study.records()[0] if key not in ("batches", "decision_p99_s")]
    rows = [
        TableRow([Cell(text, record[key]) for text, key in zip(cells, keys, strict=True)])
        for cells, record in zip(study.cells(), study.records(), strict=True)
    ]
    return table("policies", f"Policies on {study.instance.name}", *without_empty(columns, rows))
