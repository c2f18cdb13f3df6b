# usage: make_environment.sh PYTHON VENV READY
# Install edgeopt and what its development needs into VENV, with uv when it is there, and then make the file READY.
# Whoever waited for the lock while another made it finds READY and is done.
python=$1 venv=$2 ready=$3
test -e "$ready" && exit 0
if command -v uv > /dev/null; then
    test -e "$venv/bin/python" || uv venv --python "$python" "$venv"
    uv pip install --python "$venv/bin/python" -e '.[dev]'
else
    test -e "$venv/bin/python" || "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --disable-pip-version-check -q -e '.[dev]'
fi
rm -f "$venv"/ready-*
touch "$ready"
