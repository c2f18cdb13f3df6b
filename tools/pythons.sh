# usage: pythons.sh
# Print the interpreters of the supported versions that are at hand, one a line, and tell which are not.
for number in 3.11 3.12 3.13 3.14; do
    found=
    for candidate in "python$number" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$number".*/bin/python; do
        if "$candidate" -c "" 2> /dev/null; then found=$candidate; fi
    done
    if [ -n "$found" ]; then echo "$found"; else echo "== Python $number is not at hand" >&2; fi
done
