#!/usr/bin/env python3
"""Counts the places at which the linked module could panic, by crate and kind.

    panics.py            fails where there are more than tests/build/panics.txt allows
    panics.py --write    writes that file
    panics.py --list     every place, by function

The module is built once more with the names of its functions; which code is in it does not depend
on them. docs/panics.md says for each group why it is not reached.
"""

import collections
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = ROOT / "tests" / "build" / "panics.txt"
BINARYEN = ROOT / "tests" / "build" / "node_modules" / "binaryen" / "bin"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "panics"

# What the standard library calls when it gives up, and the kind of place that is. A part of the
# mangled name is enough: no other function of the module has it.
KINDS = {
    "handle_alloc_error": "allocation", "raw_vec12handle_error": "allocation",
    "capacity_overflow": "allocation", "slice_error_fail": "str slice", "slice_index_fail": "slice",
    "panic_bounds_check": "index", "panic_already": "RefCell", "expect_failed": "expect",
    "option13unwrap_failed": "Option::unwrap", "result13unwrap_failed": "Result::unwrap",
    "div_by_zero": "division", "assert_failed": "assert", "9panicking5panic": "panic",
    "9panicking9panic_fmt": "panic", "begin_panic": "panic",
}
# These are how a panic ends, not where one begins.
ENDS = ("core9panicking", "std9panicking", "rust_panic", "rust_end_short_backtrace", "core6option",
        "core6result", "core4cell22", "core4cell30", "alloc5alloc18handle", "raw_vec12handle_error",
        "raw_vec17capacity")


def build():
    subprocess.run(["cargo", "rustc", "--quiet", "--locked", "--release", "--target", "wasm32-wasip1",
                    "--package", "x402-proxy-wasm", "--lib", "--crate-type", "cdylib",
                    "--target-dir", str(TARGET), "--", "-C", "strip=none"], cwd=ROOT, check=True)
    linked = TARGET / "wasm32-wasip1" / "release" / "x402_proxy_wasm.wasm"
    features = ["--mvp-features", "--enable-bulk-memory", "--enable-mutable-globals",
                "--enable-nontrapping-float-to-int", "--enable-sign-ext"]
    text = TARGET / "named.wat"
    # Only what is exported, as in the module that is shipped.
    named = TARGET / "named.wasm"
    subprocess.run(["node", str(BINARYEN / "wasm-opt"), *features, "--remove-exports=proxy_on_grpc_*",
                    "--remove-exports=proxy_on_foreign_function", "--remove-unused-module-elements", "-g",
                    str(linked), "--output", str(named)], check=True)
    subprocess.run(["node", str(BINARYEN / "wasm-dis"), *features, str(named), "--output", str(text)], check=True)
    return text


def crate(function):
    """The crate a function is of; a generic one is where it was made."""
    if not function.startswith("_"):
        return "proxy_wasm"
    ours = re.search(r"x402_proxy_wasm", function)
    if ours:
        return "x402_proxy_wasm"
    if function.startswith("_R"):
        known = re.findall(r"\d(core|alloc|std|dlmalloc|proxy_wasm|serde_json|k256|ruint|wasi)(?![a-z])", function)
        return known[0] if known else "std"
    named = re.match(r"_ZN(?:\d+_\$LT\$)?(?:\d+)?_?(?:\$RF\$)?(?:\$u5b\$)?([a-z][a-z0-9_]*?)(?:\d|\.\.|\$)", function)
    return named.group(1) if named else "other"


def places(text):
    found = collections.Counter()
    function = None
    with text.open() as lines:
        for line in lines:
            if line.startswith(" (func $"):
                function = line.split()[1].lstrip("$").rstrip(")")
                continue
            called = re.search(r"\(call \$(\S+)", line)
            if called is None or any(end in function for end in ENDS):
                continue
            kind = next((kind for part, kind in KINDS.items() if part in called.group(1)), None)
            if kind is not None:
                found[function, kind] += 1
    return found


def main():
    found = places(build())
    if not found:
        print("no place at all: the names of what panics have changed", file=sys.stderr)
        return 1
    groups = collections.Counter()
    for (function, kind), count in found.items():
        groups[crate(function), kind] += count
    if "--list" in sys.argv:
        for (function, kind), count in sorted(found.items()):
            print(f"{crate(function):20} {kind:15} {count:3}  {function}")
        return 0
    if "--write" in sys.argv:
        rows = "".join(f"{name}\t{kind}\t{count}\n" for (name, kind), count in sorted(groups.items()))
        ALLOWED.write_text(rows)
        return 0
    allowed = {}
    for row in ALLOWED.read_text().splitlines():
        name, kind, count = row.split("\t")
        allowed[name, kind] = int(count)
    more = [(group, count) for group, count in sorted(groups.items()) if count > allowed.get(group, 0)]
    for (name, kind), count in more:
        print(f"{name}, {kind}: {count} places where {allowed.get((name, kind), 0)} are known (panics.py --list)",
              file=sys.stderr)
    fewer = sum(allowed.values()) - sum(groups.values())
    if not more and fewer > 0:
        print(f"{fewer} places fewer than known: panics.py --write")
    print(f"{sum(groups.values())} places in {len(groups)} groups")
    print(f"panics: {len(groups) - len(more)} passed, {len(more)} failed")
    return 1 if more else 0


if __name__ == "__main__":
    sys.exit(main())
