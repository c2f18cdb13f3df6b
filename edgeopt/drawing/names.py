"""Names as they are: nothing in a name is a command to the terminal, or a formula in a figure."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return the text with everything escaped that is not seen: escape sequences, other controls, lone surrogates."""
    return "".join(
        character if character.isprintable() or character in "\n\t" else escaped(character) for character in text
    )


def escaped(character: str) -> str:
    """Return what stands for a character that cannot be shown, such as ``\\u65e5``."""
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def in_figure(name: str) -> str:
    """Name for a figure's texts, in which Matplotlib takes what stands between dollar signs for mathematics."""
    from matplotlib import rcParams

    return printable(name).replace("$", r"\$") if rcParams["text.parse_math"] else printable(name)
