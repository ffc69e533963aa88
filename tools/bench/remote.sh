#!/usr/bin/env bash
# Compares Millrace's server with Redis and PostgreSQL in one run: durable writes of 90 bytes over loopback. Each server
# is started here, in a scratch folder on the same disk, measured alone, and stopped.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here program=${MILLRACE:-$here/../../build/millrace}
readonly postgres_bin=/usr/lib/postgresql/15/bin
readonly redis_port=17479 postgres_port=17433
readonly packages=(redis-server redis-tools postgresql-15 jq)

usage() {
  cat <<'TEXT'
Usage: tools/bench/remote.sh [--seconds N] [--folder FOLDER]

Measures, for N seconds each (default 5), with 1000 clients over one connection or 1000 connections:
  Millrace     durable one-row inserts (millrace bench --connect), plain and with TLS
  Redis        SET of 90 bytes with appendfsync always (redis-benchmark), also with 100 connections
  PostgreSQL   one prepared insert of 90 bytes (pgbench), also with 100 connections

FOLDER (default: the one for temporary files) should be on the disk that is to be measured. Nothing that is on the
machine already is touched: servers listen at ports of their own and keep to a scratch folder, which is removed at the
end. MILLRACE names another program than build/millrace. As root, PostgreSQL is run by the user postgres.
TEXT
}

die() {
  printf 'tools/bench/remote.sh: %s\n' "$*" >&2
  exit 2
}

seconds=5
folder=${TMPDIR:-/tmp}
while (($#)); do
  case $1 in
    --seconds | --folder)
      (($# > 1)) || die "$1 wants a value"
      printf -v "${1#--}" '%s' "$2"
      shift
      ;;
    -h | --help)
      usage
      exit
      ;;
    *) die "there is no option \"$1\"; see --help" ;;
  esac
  shift
done
[[ $seconds =~ ^[1-9][0-9]*$ ]] || die "--seconds takes a number of seconds"
[[ -x $program ]] || die "$program is missing; build it first (tools/dev build)"
for command in redis-server redis-benchmark "$postgres_bin/initdb" "$postgres_bin/pgbench" jq; do
  command -v "$command" >/dev/null || die "$command is missing; apt-get install ${packages[*]}"
done
(($(ulimit -n) >= 4096)) || ulimit -n 4096 || die "1000 connections take more open files than are allowed (ulimit -n)"

scratch=$(mktemp -d "$folder/millrace-remote.XXXXXX")
chmod 755 "$scratch"
stop=() # Commands that end what runs now.

clean_up() {
  stop_servers
  rm -rf "$scratch"
}

stop_servers() {
  local command
  for command in "${stop[@]}"; do
    eval "$command" >/dev/null 2>&1 || true
  done
  stop=()
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# until_ready NAME COMMAND...
until_ready() {
  local name=$1 tries
  shift
  for ((tries = 0; tries < 200; ++tries)); do
    ! "$@" >/dev/null 2>&1 || return 0
    sleep 0.1
  done
  cat "$scratch"/*.log >&2
  die "$name did not start"
}

# row NAME CLIENTS RATE P50 P99: tells one result, and remembers the rate by name and clients.
declare -A rate
row() {
  rate["$1 $2"]=$3
  printf '| %-22s | %7s | %9.0f/s | %8s | %8s |\n' "$1" "$2" "$3" "$4" "$5"
}

as_postgres() {
  if ((EUID == 0)); then
    runuser -u postgres -- "$@"
  else
    "$@"
  fi
}

# Millrace ------------------------------------------------------------------------------------------------------------

# measure_millrace NAME: with TLS where the name says so.
measure_millrace() {
  local name=$1 ready line server_tls=() client_tls=()
  if [[ $name == *TLS* ]]; then
    "$program" certs "$scratch/certificates" >/dev/null
    server_tls=(--tls-certificate "$scratch/certificates/server.pem" --tls-key "$scratch/certificates/server-key.pem"
      --tls-ca "$scratch/certificates/ca.pem")
    client_tls=(--tls-certificate "$scratch/certificates/client.pem" --tls-key "$scratch/certificates/client-key.pem"
      --tls-ca "$scratch/certificates/ca.pem")
  fi
  rm -rf "$scratch/millrace"
  echo "CREATE TABLE bench(id INTEGER PRIMARY KEY, payload TEXT)" >"$scratch/bench.sql"
  "$program" serve --data "$scratch/millrace" --create --schema "$scratch/bench.sql" --listen 127.0.0.1:0 \
    "${server_tls[@]}" >"$scratch/millrace.log" 2>&1 &
  stop+=("kill $!; wait $!")
  until_ready "$name" grep -q '^Serving' "$scratch/millrace.log"
  ready=$(sed -nE 's/^Serving .* at ([0-9.]+:[0-9]+).*/\1/p' "$scratch/millrace.log")
  line=$("$program" bench --connect "$ready" --workload append --clients 1000 --seconds "$seconds" --json \
    "${client_tls[@]}" 2>"$scratch/bench.log") || {
    cat "$scratch"/*.log >&2
    die "$name could not be measured"
  }
  row "$name" 1000 "$(jq .per_second <<<"$line")" "$(jq '.p50_ms*100|round/100' <<<"$line")" \
    "$(jq '.p99_ms*100|round/100' <<<"$line")"
  stop_servers
}

# Redis ---------------------------------------------------------------------------------------------------------------

# redis_benchmark CLIENTS REQUESTS: "rate p50 p99"
redis_benchmark() {
  redis-benchmark -p "$redis_port" -t set -d 90 -r 1000000 -c "$1" -n "$2" --csv 2>/dev/null |
    awk -F '","' '/^"SET/ { print $2, $5, $7 }' | tr -d '"'
}

measure_redis() {
  local clients quick numbers
  mkdir -p "$scratch/redis"
  redis-server --port "$redis_port" --bind 127.0.0.1 --dir "$scratch/redis" --appendonly yes \
    --appendfsync always --save '' --maxclients 2000 --daemonize no >"$scratch/redis.log" 2>&1 &
  stop+=("kill $!; wait $!")
  until_ready Redis redis-cli -p "$redis_port" ping
  for clients in 100 1000; do
    quick=$(redis_benchmark "$clients" 20000 | cut -d ' ' -f 1)
    numbers=$(redis_benchmark "$clients" "$(awk -v r="$quick" -v s="$seconds" 'BEGIN { printf "%d", r * s + 1 }')")
    # shellcheck disable=SC2086
    row Redis "$clients" $numbers
  done
  stop_servers
}

# PostgreSQL ----------------------------------------------------------------------------------------------------------

# measure_inserts CLIENTS EACH: what pgbench says of so many inserts by each client.
measure_inserts() {
  "$postgres_bin/pgbench" -n -M prepared -f "$scratch/insert.sql" -c "$1" -j 2 -t "$2" -h 127.0.0.1 \
    -p "$postgres_port" -U bench postgres 2>"$scratch/pgbench.log" || die "pgbench: $(tail -n 3 "$scratch/pgbench.log")"
}

tps_of() {
  sed -nE 's/^tps = ([0-9.]+).*/\1/p' <<<"$1"
}

stop_postgres() {
  as_postgres "$postgres_bin/pg_ctl" -D "$scratch/postgres/data" -m fast stop
}

measure_postgres() {
  local clients report
  mkdir "$scratch/postgres"
  ((EUID != 0)) || chown postgres "$scratch/postgres"
  as_postgres "$postgres_bin/initdb" -D "$scratch/postgres/data" -A trust -U bench >"$scratch/initdb.log" 2>&1 ||
    die "initdb failed: $(cat "$scratch/initdb.log")"
  as_postgres "$postgres_bin/pg_ctl" -D "$scratch/postgres/data" -l "$scratch/postgres/log" -w start -o \
    "-p $postgres_port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=1100" >/dev/null ||
    die "PostgreSQL did not start: $(cat "$scratch/postgres/log")"
  stop+=(stop_postgres)
  "$postgres_bin/psql" -q -h 127.0.0.1 -p "$postgres_port" -U bench -d postgres \
    -c "CREATE TABLE bench(id bigserial PRIMARY KEY, payload text)"
  printf "INSERT INTO bench(payload) VALUES ('%s');\n" "$(printf 'x%.0s' {1..90})" >"$scratch/insert.sql"
  for clients in 100 1000; do
    # By count and not by time: the time of pgbench begins before its connections are made, which takes longer.
    report=$(measure_inserts "$clients" 20)
    report=$(measure_inserts "$clients" "$(awk -v tps="$(tps_of "$report")" -v s="$seconds" -v c="$clients" \
      'BEGIN { printf "%d", tps * s / c + 1 }')")
    row PostgreSQL "$clients" "$(tps_of "$report")" \
      "$(sed -nE 's/^latency average = ([0-9.]+) ms/\1 (mean)/p' <<<"$report")" -
  done
  stop_servers
}

printf '| %-22s | %7s | %11s | %8s | %8s |\n' 'durable writes' clients rate 'p50 ms' 'p99 ms'
printf '|---|---:|---:|---:|---:|\n'
measure_millrace Millrace
measure_millrace 'Millrace with TLS'
measure_redis
measure_postgres
awk -v m="${rate[Millrace 1000]}" -v t="${rate[Millrace with TLS 1000]}" -v r="${rate[Redis 1000]}" \
  -v p="${rate[PostgreSQL 1000]}" 'BEGIN {
    printf "\nMillrace: %.2f times Redis, %.1f times PostgreSQL, each with 1000 connections; with TLS %.0f %% of plain.\n",
      m / r, m / p, 100 * t / m }'
