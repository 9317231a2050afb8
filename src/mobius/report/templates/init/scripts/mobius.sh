#!/bin/sh
# Runs mobius on this project: $MOBIUS, else the one that made these scripts, else the one on the PATH.
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
if [ -z "${MOBIUS:-}" ] && [ -r "$root/.mobius/mobius.path" ]; then
  IFS= read -r MOBIUS < "$root/.mobius/mobius.path"
  [ -x "$MOBIUS" ] || MOBIUS=
fi
command -v "${MOBIUS:=mobius}" > /dev/null || {
  echo "error: mobius is not here: put it on the PATH, or set MOBIUS to where it is" >&2
  exit 4
}
exec "$MOBIUS" --config "$root/mobius.toml" "$@"
