#!/usr/bin/env bash
# PostgreSQL under pgbench, in a temporary directory: many clients that each commit small updates.
# Runs COMMAND meanwhile, if there is one, then prints what PostgreSQL's processes waited for,
# according to PostgreSQL itself.
#
#   docs/examples/postgresql.sh [COMMAND...]      as root, for example with: lock record -d 10s
#
# Needs: apt-get install postgresql. Settings: SECONDS_OF_LOAD (20), CLIENTS (16).
set -euo pipefail
seconds=${SECONDS_OF_LOAD:-20} clients=${CLIENTS:-16}
bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
[[ $bin ]] || { echo 'PostgreSQL is absent: apt-get install postgresql' >&2; exit 2; }
((EUID == 0)) || { echo 'run it as root: it starts PostgreSQL as the user postgres' >&2; exit 2; }

directory=$(mktemp -d)
chmod 711 "$directory"
install -d -o postgres "$directory/data" "$directory/socket"
as_postgres() { (cd "$directory" && runuser -u postgres -- "$@"); }
finish() {
    as_postgres "$bin/pg_ctl" -D "$directory/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$directory"
}
trap finish EXIT

as_postgres "$bin/initdb" -D "$directory/data" --auth=trust >/dev/null
as_postgres "$bin/pg_ctl" -D "$directory/data" -l "$directory/socket/log" -w start \
    -o "-k $directory/socket -c listen_addresses= -c max_connections=200" >/dev/null
as_postgres "$bin/pgbench" -h "$directory/socket" -i -s 10 -q postgres >/dev/null 2>&1

echo "$clients clients for $seconds s" >&2
as_postgres "$bin/pgbench" -h "$directory/socket" -N -n -M prepared -c "$clients" -j 2 -T "$seconds" postgres >"$directory/result" &
load=$!
sleep 1
# Ten times per second, what the server's processes wait for.
(
    while kill -0 "$load" 2>/dev/null; do
        echo "select wait_event_type || ' ' || wait_event from pg_stat_activity
              where backend_type = 'client backend' and wait_event_type <> 'Client' and pid <> pg_backend_pid();"
        sleep 0.1
    done | as_postgres "$bin/psql" -h "$directory/socket" -AtqX postgres >"$directory/events" 2>/dev/null || true
) &
code=0
if (($#)); then "$@" || code=$?; fi
wait "$load"
wait
grep -E '^(tps|latency average)' "$directory/result" >&2
echo 'PostgreSQL itself, by samples of pg_stat_activity:' >&2
sort "$directory/events" | uniq -c | sort -rn | head -n 5 >&2
exit "$code"
