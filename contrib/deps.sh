#!/usr/bin/env bash
# contrib/deps.sh GROUP...: installs what is missing of the packages that contrib/deps.txt lists for these
# groups. Does nothing, quickly, when nothing is missing.
set -euo pipefail

list=$(dirname "$0")/deps.txt
wanted=()
for group in "$@"; do
  mapfile -t -O "${#wanted[@]}" wanted < <(awk -v group="$group" '$1 == group { print $2 }' "$list")
done
if [ ${#wanted[@]} -eq 0 ]; then
  echo "deps: no packages are listed for '$*' in $list (groups: $(awk '!/^#/ { print $1 }' "$list" | sort -u | xargs))" >&2
  exit 2
fi

if ! command -v dpkg-query >/dev/null; then
  echo "deps: this is no Debian system, so nothing was installed; the build needs the counterparts of: ${wanted[*]}" >&2
  exit 0
fi

# dpkg-query fails when it does not know one of the packages: that one is missing then.
installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/^installed //p' || true)
missing=()
for package in "${wanted[@]}"; do
  grep -qxF -- "$package" <<<"$installed" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "deps: missing packages, and no sudo to install them; run as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

echo "deps: installing ${missing[*]}"
if ! "${as_root[@]}" apt-get update -q ||
  ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"; then
  echo "deps: apt-get could not install them (its reason is above); install by hand: ${missing[*]}" >&2
  exit 1
fi
