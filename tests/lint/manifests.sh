#!/bin/sh
# manifests.sh ROOT VENV: the Kubernetes manifests in the documents fit the schema, strictly (no unknown field).
# VENV is where PyPI's kubernetes-validate is kept; it is made at the first run.
set -eu
root=$1 venv=$2
validator=kubernetes-validate==1.37.0

if [ ! -x "$venv/bin/kubernetes-validate" ]; then
	log=$venv.log
	if ! { python3 -m venv "$venv" && "$venv/bin/pip" install -q --disable-pip-version-check "$validator"; } >"$log" 2>&1; then
		echo "the manifests were NOT checked: cannot install $validator: $(tail -n 1 "$log")"
		rm -rf "$venv"
		exit 77
	fi
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for document in "$root"/docs/*.md; do
	awk -v out="$work/$(basename "$document" .md)" '
		/^```yaml$/ { file = sprintf("%s-%d.yaml", out, ++nr); next }
		/^```/ { file = "" }
		file { print > file }' "$document"
done
found=$(ls "$work")
[ -n "$found" ] || { echo "no manifest found in $root/docs" && exit 1; }
"$venv/bin/kubernetes-validate" --strict --quiet "$work"/*.yaml
echo "$(echo "$found" | wc -l) manifests fit"
