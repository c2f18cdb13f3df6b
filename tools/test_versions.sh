# usage: test_versions.sh lowest | pythons
# Run the fast tests of what is committed in fresh environments: with the lowest versions that pyproject.toml names, on the
# lowest Python, or with the newest versions on every supported Python that is at hand. Kernels are compiled in each.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $1 in
    lowest) resolution=lowest-direct pythons=$(sh tools/pythons.sh 2> /dev/null | head -n 1) ;;
    pythons) resolution=highest pythons=$(sh tools/pythons.sh) ;;
esac

uv=$(command -v uv || true)
if [ -z "$uv" ]; then
    python3 -m venv "$work/tools"
    "$work/tools/bin/pip" install --disable-pip-version-check -q uv
    uv=$work/tools/bin/uv
fi

failed=
for python in $pythons; do
    echo "== $("$python" --version), $resolution versions"
    rm -rf "$work/source" "$work/venv"
    git clone -q . "$work/source"
    "$uv" venv -q --python "$python" "$work/venv"
    "$uv" pip install -q --python "$work/venv/bin/python" --resolution "$resolution" -e "$work/source[dev]"
    (cd "$work/source" && "$work/venv/bin/python" -m pytest -q -n auto --dist worksteal -m "not slow") || failed="$failed $python"
done
if [ -n "$failed" ]; then echo "== failed on:$failed"; exit 1; fi
