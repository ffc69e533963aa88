#!/usr/bin/env bash
# Builds and runs programs with nothing but what pkg-config says of an installed Millrace.
#
# pkg_config.sh PREFIX LIBRARY-FOLDER SCRATCH COMPILER [FLAGS]
set -euo pipefail

readonly libraries=$1/$2 scratch=$3 folder=${BASH_SOURCE[0]%/*}
migrations=$(realpath "$folder/../../migrations")
readonly migrations compiler=("${@:4}")
export PKG_CONFIG_PATH=$libraries/pkgconfig
mkdir -p "$scratch"

# build PACKAGE SOURCE PROGRAM
build() {
  local flags
  pkg-config --validate "$1"
  flags=$(pkg-config --cflags --libs --static "$1")
  echo "$1: $flags"
  # shellcheck disable=SC2086 # They are several words.
  "${compiler[@]}" -std=c++20 -x c++ "$2" -x none -o "$3" $flags
}

build millrace "$folder/example/main.cpp" "$scratch/example"
printed=$(cd "$scratch" && ./example "$migrations")
[[ $printed == "Solar kettle: 8.5" ]] || {
  echo "the example printed: $printed" >&2
  exit 1
}

# What talks to an engine elsewhere has no database.
build millrace-network "$folder/remote/main.cpp" "$scratch/remote"
said=$("$scratch/remote" nowhere 2>&1) && said="nothing is wrong"
[[ $said == *"is no address of an engine"* ]] || {
  echo "the example of a program elsewhere said: $said" >&2
  exit 1
}
if ldd "$scratch/remote" | grep -E 'sqlite|millrace_(engine|storage)'; then
  echo "a program without an engine is linked with one" >&2
  exit 1
fi
