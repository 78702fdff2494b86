#!/usr/bin/env bash
# compose.sh: docker-compose.yml brought up for real: health checks, a quote, a payment.
#
# COMPOSE_BUILD=no takes images that are already there under the names of the compose file.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

missing() {
  printf 'missing: %s\n' "$1" >&2
  printf 'CONTRIBUTING.md, "Containers", says how to start an engine by hand on Debian.\n' >&2
  exit 1
}

command -v docker > /dev/null || missing 'Docker. Install it: apt-get install docker.io docker-compose'
docker info > /dev/null 2>&1 || missing 'a running Docker engine (docker info fails). Start it: systemctl start docker'
if docker compose version > /dev/null 2>&1; then
  compose=(docker compose)
elif command -v docker-compose > /dev/null; then
  compose=(docker-compose)
else
  missing 'docker compose. Install it: apt-get install docker-compose'
fi
command -v curl > /dev/null || missing 'curl. Install it: apt-get install curl'

up=(up --detach)
if [[ ${COMPOSE_BUILD:-yes} == yes ]]; then
  "${compose[@]}" --profile test build
else
  up+=(--no-build)
fi

finish() {
  status=$?
  if ((status != 0)); then "${compose[@]}" --profile test logs --tail 50 >&2 || true; fi
  "${compose[@]}" --profile test down --volumes --timeout 2
  exit "$status"
}
trap finish EXIT

"${compose[@]}" "${up[@]}"

url=http://127.0.0.1:8080/v1/tiles/7/66/44
for _ in $(seq 60); do
  status=$(curl --silent --output /dev/null --write-out '%{http_code}' "$url" || true)
  if [[ $status == 402 ]]; then break; fi
  sleep 1
done
[[ $status == 402 ]] || { echo "error: an unpaid request was answered $status, not 402" >&2; exit 1; }
echo 'ok    an unpaid request is answered 402'

free=$(curl --silent --output /dev/null --write-out '%{http_code}' http://127.0.0.1:8080/healthz)
[[ $free == 200 ]] || { echo "error: a free request was answered $free, not 200" >&2; exit 1; }
echo 'ok    a free request is answered 200'

"${compose[@]}" run --rm payer
echo 'ok    the payer paid'
echo 'compose: 3 passed, 0 failed'
