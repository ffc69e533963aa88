# Fails where a room includes a library that neither it nor a room that it knows links. Headers of Debian's packages are
# found by everybody, so that the include roots alone do not tell.
#
# awk -f libraries.awk build/rooms/libraries.txt <(ninja -C build -t deps)
# The first file has a room and its libraries a line; the second is what the compiler read for each object.

BEGIN {
  word["/caf/"] = "CAF::core"
  word["/caf/io/"] = "CAF::io"
  word["/sqlite3.h"] = "SQLite::SQLite3"
  word["/spdlog/"] = "spdlog::spdlog"
  word["/openssl/"] = "OpenSSL::SSL"
  instead["OpenSSL::SSL"] = "OpenSSL::Crypto"
  word["/nlohmann/"] = "nlohmann_json::nlohmann_json"
  word["/CLI/"] = "CLI11::CLI11"
  word["/microhttpd.h"] = "libmicrohttpd::microhttpd"
  word["/csv.h"] = "libcsv::csv"
}
FNR == NR {
  for (i = 2; i <= NF; ++i) {
    linked[$1, $i] = 1
  }
  next
}
/^[^ ].*: #deps/ {
  room = ""
  if (match($0, /millrace_room_[a-z_]+\.dir/)) {
    room = substr($0, RSTART + 14, RLENGTH - 18)
    object = $1
    seen[room] = 1
  }
  next
}
room != "" && $1 ~ /^\/usr\// {
  for (part in word) {
    if (index($1, part) && !((room, word[part]) in linked) && !((room, instead[word[part]]) in linked)) {
      printf "%s includes %s, but the room \"%s\" links no %s\n", object, $1, room, word[part]
      ++wrong
      break
    }
  }
}
END {
  if (length(seen) < 30) {
    printf "only %d rooms were looked at; build everything first\n", length(seen)
    exit 1
  }
  printf "%d rooms looked at, %d wrong includes\n", length(seen), wrong
  exit wrong > 0
}
