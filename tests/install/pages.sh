#!/usr/bin/env bash
# Looks whether each link of an installed page is to a file that is installed, too.
#
# pages.sh FOLDER
set -euo pipefail

links=0
while IFS= read -r page; do
  while IFS= read -r link; do
    links=$((links + 1))
    [[ -e ${page%/*}/$link ]] || {
      echo "$page has a link to $link, which is not installed" >&2
      exit 1
    }
  done < <(grep -oE '\]\([^)# ]+[)#]' "$page" | sed -E 's/^..(.*).$/\1/' | grep -v '://')
done < <(find "$1" -name '*.md')
((links > 0)) || {
  echo "there are no links in $1" >&2
  exit 1
}
