# usage: release_check.sh PYTHON
# Build what would be released from what is committed, check it, list it, and install it as a user would, in fresh
# environments, on every supported Python that is at hand.
python=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m venv "$work/tools"
"$work/tools/bin/pip" install --disable-pip-version-check -q build twine
mkdir "$work/source"
git archive HEAD | tar --extract -C "$work/source"
"$work/tools/bin/python" -m build --outdir "$work/dist" "$work/source" > "$work/build.log" || { cat "$work/build.log"; exit 1; }
"$work/tools/bin/twine" check --strict "$work"/dist/*

echo "== files of the wheel, by folder"
"$python" -m zipfile -l "$(echo "$work"/dist/*.whl)" | tail -n +2 | cut -d / -f 1-2 | cut -d ' ' -f 1 | sort | uniq -c

for found in $(sh tools/pythons.sh); do
    for file in "$work"/dist/*; do
        echo "== $(basename "$file") on $("$found" --version)"
        rm -rf "$work/user" && "$found" -m venv "$work/user"
        "$work/user/bin/pip" install --disable-pip-version-check -q "$file"
        (cd "$work" && "$work/user/bin/edgeopt" --version &&
            "$work/user/bin/edgeopt" solve "$work/source/instances/loading/tiny.json" -o "$work/tiny.json" > "$work/out" &&
            "$work/user/bin/edgeopt" check "$work/source/instances/loading/tiny.json" "$work/tiny.json")
    done
done
