#!/usr/bin/env bash
# PostgreSQL under pgbench, in a temporary folder: many clients that each commit one small
# update. Runs COMMAND while they do (or waits for them), then prints what PostgreSQL itself
# saw its processes wait for.
#
#   docs/examples/postgresql.sh [COMMAND...]      as root; such as: lock record -d 10
#
# Needs: apt-get install postgresql. Settings: SECONDS_OF_LOAD (20), CLIENTS (16).
set -euo pipefail
seconds=${SECONDS_OF_LOAD:-20} clients=${CLIENTS:-16}
bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
[[ $bin ]] || { echo 'PostgreSQL is absent: apt-get install postgresql' >&2; exit 2; }
((EUID == 0)) || { echo 'run it as root: it starts PostgreSQL as the user postgres' >&2; exit 2; }

folder=$(mktemp -d)
chmod 711 "$folder"
install -d -o postgres "$folder/data" "$folder/socket"
as_postgres() { (cd "$folder" && runuser -u postgres -- "$@"); }
finish() {
    as_postgres "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap finish EXIT

as_postgres "$bin/initdb" -D "$folder/data" --auth=trust >/dev/null
as_postgres "$bin/pg_ctl" -D "$folder/data" -l "$folder/socket/log" -w start \
    -o "-k $folder/socket -c listen_addresses= -c max_connections=200" >/dev/null
as_postgres "$bin/pgbench" -h "$folder/socket" -i -s 10 -q postgres >/dev/null 2>&1

echo "$clients clients for $seconds s" >&2
as_postgres "$bin/pgbench" -h "$folder/socket" -N -n -M prepared -c "$clients" -j 2 -T "$seconds" postgres >"$folder/result" &
load=$!
sleep 1
# What the server says that its processes wait for, ten times a second.
(
    while kill -0 "$load" 2>/dev/null; do
        echo "select wait_event_type || ' ' || wait_event from pg_stat_activity
              where backend_type = 'client backend' and wait_event_type <> 'Client' and pid <> pg_backend_pid();"
        sleep 0.1
    done | as_postgres "$bin/psql" -h "$folder/socket" -AtqX postgres >"$folder/events" 2>/dev/null || true
) &
code=0
if (($#)); then "$@" || code=$?; fi
wait "$load"
wait
grep -E '^(tps|latency average)' "$folder/result" >&2
echo 'PostgreSQL itself, by samples of pg_stat_activity:' >&2
sort "$folder/events" | uniq -c | sort -rn | head -n 5 >&2
exit "$code"
