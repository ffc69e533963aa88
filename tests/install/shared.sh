#!/usr/bin/env bash
# Looks at installed shared libraries: their names carry the version that they are compatible with, and no symbol is
# missing.
#
# shared.sh LIBRARY-FOLDER VERSION
set -euo pipefail

readonly folder=$1 compatible=${2%.*}

for name in messages storage client engine network; do
  library=$folder/libmillrace_$name.so.$compatible
  soname=$(readelf -d "$library" | sed -nE 's/.*\(SONAME\).*\[(.*)\]/\1/p')
  [[ $soname == "${library##*/}" ]] || {
    echo "$library calls itself \"$soname\"" >&2
    exit 1
  }
  [[ $(readlink -f "$folder/libmillrace_$name.so") == "$(readlink -f "$folder")/libmillrace_$name.so.$2" ]] || {
    echo "libmillrace_$name.so is no link to version $2" >&2
    exit 1
  }
  # It tells of what is missing on both streams, and ends well.
  if missing=$(ldd -r "$library" 2>&1 | grep -E 'undefined symbol|not found'); then
    printf '%s:\n%s\n' "$library" "$missing" >&2
    exit 1
  fi
done
