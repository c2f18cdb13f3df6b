"""Pages that describe the file formats, from the JSON Schemas that `edgeopt schema` prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgeopt.problems import PROBLEMS
from edgeopt.schema import RECORDS, file_schema

FORMATS = (*PROBLEMS, *RECORDS)
LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
Schema = dict[str, Any]


def format_pages() -> Iterator[tuple[str, str, str]]:
    """Yield a page for each format: place in the site, place from which its links count, content."""
    for kind in FORMATS:
        page = f"reference/formats/{kind}.md"
        yield page, f"docs/{page}", format_page(kind)


def format_page(kind: str) -> str:
    """Return the page of one format: its records, each with a table of keys."""
    schema = file_schema(kind)
    title = f"Instances of {kind}" if kind in PROBLEMS else kind.replace("-", " ").capitalize()
    lines = [f"# {title}", "", f"`edgeopt schema {kind}` prints this as JSON Schema.", ""]
    definitions = schema.get("$defs", {})
    lines += record(schema, definitions)
    for name, definition in sorted(definitions.items()):
        if "properties" in definition:
            lines += [f"## {name}", "", *record(definition, definitions)]
    return "\n".join(lines)


def record(schema: Schema, definitions: Schema) -> list[str]:
    """Return a record's description and its keys."""
    summary, meanings = described(schema.get("description", ""))
    lines = [summary, "", "| key | values | default | meaning |", "| --- | --- | --- | --- |"]
    required = schema.get("required", ())
    for key, value in schema.get("properties", {}).items():
        default = "" if key in required or value.get("default") is None else f"`{value['default']}`"
        must = "**required**" if key in required else default or "none"
        lines.append(
            f"| `{key}` | {values(value, definitions)} | {must} | {meanings.get(key, value.get('description', ''))} |"
        )
    return [*lines, ""]


def described(docstring: str) -> tuple[str, dict[str, str]]:
    """Split a docstring in NumPy style into its summary and the meaning of each attribute."""
    summary, _, attributes = docstring.partition("Attributes\n----------\n")
    meanings: dict[str, str] = {}
    names: list[str] = []
    for line in attributes.splitlines():
        if line and not line[0].isspace():
            names = [name.strip() for name in line.partition(":")[0].split(",")]
        else:
            for name in names:
                meanings[name] = f"{meanings.get(name, '')} {line.strip()}".strip()
    return summary.strip(), {name: text.replace("``", "`").replace("|", "\\|") for name, text in meanings.items()}


def values(schema: Schema, definitions: Schema) -> str:
    """Say in a few words which values a key takes."""
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        definition = definitions[name]
        return f"[{name}](#{name.lower()})" if "properties" in definition else values(definition, definitions)
    if "anyOf" in schema:
        options = [option for option in schema["anyOf"] if option.get("type") != "null"]
        return " or ".join(values(option, definitions) for option in options)
    kind = schema.get("type", "any")
    if kind == "object":
        inner = schema.get("additionalProperties")
        return f"map of {values(inner, definitions)}" if isinstance(inner, dict) else "object"
    if kind == "array":
        inner = schema.get("items")
        return f"list of {values(inner, definitions)}" if isinstance(inner, dict) else "list"
    said = [f"{sign} {bound(schema[key])}" for key, sign in LIMITS.items() if key in schema]
    return " ".join([kind, *said])


def bound(value: float) -> str:
    """Return a limit as a reader takes it in."""
    return f"{value:,}" if isinstance(value, int) and value < 10**10 else f"{value:g}"
