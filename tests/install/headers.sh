#!/usr/bin/env bash
# Compiles each installed header alone, and what fills in their options, as C++20 and with warnings as errors, with the
# compiler of the build and with clang++-14 where there is one. The README says how many there are.
#
# headers.sh INCLUDE-FOLDER README COMPILER
set -euo pipefail

readonly include=$1 readme=$2 headers_max=48 filled_in=${BASH_SOURCE[0]%/*}/designated.cpp
compilers=("$3")
if [[ ${3##*/} != clang++-14 ]] && command -v clang++-14 >/dev/null; then
  compilers+=(clang++-14)
fi

mapfile -t headers < <(cd "$include" && find millrace -type f | sort)
echo "${#headers[@]} headers, each compiled by ${compilers[*]}"
grep -q "^${#headers[@]} headers are installed" "$readme" || {
  echo "$readme does not say that ${#headers[@]} headers are installed" >&2
  exit 1
}
((${#headers[@]} <= headers_max)) || {
  echo "more than $headers_max headers: what is public is promised, so little is" >&2
  exit 1
}

# check COMPILER: reads a source.
check() {
  "$1" -std=c++20 -Wall -Wextra -Wconversion -Werror -fsyntax-only -I "$include" -x c++ -
}

# compile COMPILER HEADER
compile() {
  echo "#include <$2>" | check "$1" || {
    echo "$1: <$2> does not compile alone" >&2
    return 1
  }
}
export -f check compile
export include

for compiler in "${compilers[@]}"; do
  check "$compiler" <"$filled_in"
done
for compiler in "${compilers[@]}"; do
  printf "$compiler %s\n" "${headers[@]}"
done | xargs -P "$(nproc)" -L 1 bash -c 'compile "$@"' compile
