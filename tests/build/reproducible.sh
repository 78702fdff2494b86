#!/usr/bin/env bash
# reproducible.sh MODULE LIMIT: builds this commit's module again, in another folder with
# another cargo home and another target folder, and compares bytes. Then checks the size.
set -euo pipefail

module=$(realpath "$1")
limit=$2
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What is in the working tree, committed or not, without what was built there.
git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- --ignore-failed-read 2> /dev/null |
  { mkdir "$work/elsewhere"; tar --extract --directory "$work/elsewhere"; }

# A second cargo home that unpacks the same downloads again, under its own path.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
mkdir -p "$work/home/registry"
for shared in registry/index registry/cache config.toml; do
  if [[ -e $cargo_home/$shared ]]; then ln -s "$cargo_home/$shared" "$work/home/$shared"; fi
done

CARGO_HOME=$work/home CARGO_TARGET_DIR=$work/target CARGO_NET_OFFLINE=true \
  "$work/elsewhere/tests/build/module.sh" "$work/again.wasm"

failed=0
here=$(sha256sum < "$module")
there=$(sha256sum < "$work/again.wasm")
if [[ $here == "$there" ]]; then
  echo "reproducible: two folders, two cargo homes, one hash: ${here%% *}"
else
  echo "error: not reproducible: ${here%% *} here, ${there%% *} elsewhere" >&2
  failed=1
fi

if grep -qaF -e "$cargo_home" -e "$PWD" "$module"; then
  echo 'error: the module names folders of this machine' >&2
  failed=1
fi

size=$(stat -c %s "$module")
if ((size < limit)); then
  echo "size: $size bytes, below $limit"
else
  echo "error: the module has $size bytes, the limit is $limit" >&2
  failed=1
fi
exit "$failed"
