#!/usr/bin/env python3
"""What a change costs, seen in the change: instructions, allocations and hostcalls of the core's
paths and of whole requests through the shell, the module's size and its memory with ten thousand
routes, against `benches/guard/counts.toml`.

    guard.py GUARD MODULE [--write]

GUARD is `x402-guard`, MODULE the wasm module. With `--write` what is found becomes the record.
Without, it is compared; then every path is made 5 % slower on purpose, hostcalls and allocations
are added to some of its requests, and a guard that would let any of that pass fails. So does one
that runs no line of a module that it is not known not to run.
"""

import fnmatch
import json
import platform
import subprocess
import sys
import tomllib
from pathlib import Path

from callgrind import BORDER, HOST, environment, profile

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "benches/guard/counts.toml"
SOURCE = ROOT / "src"

# Of a path's instructions: what a change of the compiler's mind elsewhere may cost.
TOLERANCE = 0.01
# Of the module's bytes.
SIZE_TOLERANCE = 0.01
# Of a sandbox's memory, which grows by 64 KiB.
MEMORY_TOLERANCE = 0.05
PLANTED = 0.05

# Four times the routes may take so many times the instructions.
GROWTH = 4.4

# Sections of the record that are of one instruction set.
INSTRUCTIONS = ("instructions", "requests.instructions", "requests.besides_recovery")

# The module's imports beside proxy-wasm's, which the native host all counts: `random_get` is counted,
# the environment is read once, at the start, and the others are a panic's.
WASI = {"random_get", "environ_get", "environ_sizes_get", "proc_exit", "fd_write"}

# Modules that nothing of ours runs a line of, and what would. One that is run may have parts that are
# not: a line is enough.
NOT_RUN = {
    "admission::method": "a header that names another method",
    "catalogue*": "a document of the filter's own",
    "config::accepts::other": "a way to pay that only the facilitator understands",
    "config::notary": "signed offers or receipts",
    "config::secret": "nothing: it compiles to no more than the text in it",
    "config::structpb": "a configuration that is no JSON",
    "extensions::echo": "a payment that repeats what was declared",
    "facilitator::supported::answer": "an answer of /supported, which is asked for before anything is counted",
    "facilitator::supported::pins": "the same",
    "paywall::script": "nothing: it is put together by the compiler",
    "proof": "a chain to ask",
    "proof::answer": "the same",
    "proof::call": "the same",
    "proof::receipt": "the same",
    "protocol::json::raw": "an answer of /supported",
    "protocol::malformed": "a payment that cannot be read",
    "route::effort": "a test",
    "route::location": "a redirect inside the shop",
    "shell::stream::document": "a document of the filter's own",
    "shell::worker::inquiries": "a chain to ask",
    "signing*": "signed offers or receipts, or a facilitator that wants tokens",
    "wellknown::flight": "a document of the filter's own",
}

HEAD = """\
# Recorded by `make test-guard WRITE=1`; `make test-guard` compares. See tests/build/guard.py.
# Requests and their hostcalls are sums, of as many as `counted` says; instructions besides recovery are
# those of requests without what `recovery` counts, in which anything else would drown.
"""


def memory(module):
    command = ["node", str(ROOT / "tests/build/memory.mjs"), str(module)]
    return tomllib.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)["memory"]


def imports(module):
    """Names of what the module imports beside proxy-wasm's functions."""
    script = """const module = new WebAssembly.Module(require('fs').readFileSync(process.argv[1]));
        const names = WebAssembly.Module.imports(module).filter((from) => from.module !== 'env');
        console.log(JSON.stringify(names.map((from) => from.name)))"""
    return set(json.loads(subprocess.check_output(["node", "-e", script, str(module)], text=True)))


def said(guard, plants):
    """What the program says when it is not looked at."""
    run = subprocess.run([guard, *plants], env=environment(), check=True, stdout=subprocess.PIPE, text=True)
    return tomllib.loads(run.stdout)


def requests(counts):
    """Those of requests, by kind."""
    return {name.removeprefix("requests."): n for name, n in counts.items() if name.startswith("requests.")}


def record(measured, module):
    says, counts = measured["says"], measured["counts"]
    return {
        "module": {"bytes": Path(module).stat().st_size},
        "memory": memory(module),
        "instructions": {name: n for name, n in counts.items() if not name.startswith("requests.")},
        "allocations": says["allocations"],
        "requests": {"counted": says["requests"]["counted"]},
        "requests.instructions": requests(counts),
        "requests.besides_recovery": requests(measured["besides"]),
        "requests.allocations": says["requests"]["allocations"],
        **{f"hostcalls.{kind}": calls for kind, calls in says["hostcalls"].items()},
    }


def spell(found):
    lines = [HEAD]
    for section, numbers in found.items():
        lines += [f"[{section}]", *(f"{key} = {value}" for key, value in numbers.items()), ""]
    return "\n".join(lines)


def flat(tree, name=""):
    """Sections of numbers by their full names."""
    numbers = {key: value for key, value in tree.items() if not isinstance(value, dict)}
    sections = {name: numbers} if numbers else {}
    for key, value in tree.items():
        if isinstance(value, dict):
            sections |= flat(value, f"{name}.{key}" if name else key)
    return sections


def drifted(known, found, tolerance):
    """What is no longer within the tolerance, with its drift."""
    wrong = {}
    for name in known.keys() | found.keys():
        old, new = known.get(name, 0), found.get(name, 0)
        if abs(new - old) > old * tolerance:
            wrong[name] = (old, new)
    return wrong


def tolerance(section):
    known = {"module": SIZE_TOLERANCE, "memory": MEMORY_TOLERANCE, **dict.fromkeys(INSTRUCTIONS, TOLERANCE)}
    return known.get(section, 0)


def compare(known, found):
    """Complaints, and how many things were compared."""
    complaints, compared = [], 0
    for section in sorted(known.keys() | found.keys()):
        old, new = known.get(section, {}), found.get(section, {})
        compared += len(old.keys() | new.keys())
        for name, (was, now) in sorted(drifted(old, new, tolerance(section)).items()):
            drift = f" ({now / was - 1:+.2%})" if was else ""
            complaints.append(f"{section.replace('.', ' ')} {name}: {was} on record, {now} now{drift}")
    return complaints, compared


def module_of(path):
    return "::".join(Path(path).relative_to(SOURCE).with_suffix("").parts)


def all_is_run(functions, files, module):
    """A line of every module is run by something, nothing of the host is counted with requests, and all
    that the module imports is."""
    names = {module_of(path) for path in SOURCE.rglob("*.rs") if "tests" not in (path.stem, *path.parts)}
    run = {module_of(file) for file in files if Path(file).is_relative_to(SOURCE)}
    complaints = []
    for pattern in NOT_RUN:
        known = set(fnmatch.filter(names, pattern))
        complaints += [f"{name} is said not to be run, and is" for name in sorted(known & run)]
        complaints += [f"{pattern} is said not to be run, and is not there"] * (not known)
        run |= known
    complaints += [f"{name}: nothing runs any of it" for name in sorted(names - run)]
    hosts = sorted(name for name in functions if HOST in name and not name.startswith(BORDER))
    complaints += [f"{name} is the host's, and counted" for name in hosts]
    found = imports(module)
    complaints += [f"{name} is imported, and nothing counts it" for name in sorted(found - WASI)]
    return complaints, len(names) + len(found)


def watched(counts, besides):
    """Instructions by path, those of requests besides recovery."""
    return {name: besides[name] if name.startswith("requests.") else n for name, n in counts.items()}


def routes_are_linear(counts):
    """Four thousand routes take four times what a thousand take."""
    growth = counts["configure_4000"] / counts["configure_1000"]
    return [f"configure: {growth:.2f} times the instructions for four times the routes"] * (growth > GROWTH), 1


def slow_downs_are_seen(guard, found):
    """Every path, made slower on purpose, is complained of: one by turns of nothing, the next by
    memory that is set, at eight bytes an instruction."""
    counts = watched(found["counts"], found["besides"])
    counted = found["says"]["requests"]["counted"]
    plants = []
    for number, (name, count) in enumerate(counts.items()):
        share = count * PLANTED
        if name.startswith("requests."):
            share = max(share / counted - found["planting"], 0)
        by_bytes = number % 2 and platform.machine() == "x86_64"
        plants.append(f"{name}:bytes={round(share * 8)}" if by_bytes else f"{name}:turns={round(share / found['turn'])}")
    slower = watched(*profile(guard, plants)[:2])
    complaints = []
    seen = drifted(counts, {name: slower[name] for name in counts}, TOLERANCE)
    for name, count in counts.items():
        slowed = slower[name] / count - 1
        if abs(slowed - PLANTED) > 0.005:
            complaints.append(f"planted {name}: {slowed:.2%} were planted instead of {PLANTED:.0%}")
        if name not in seen:
            complaints.append(f"planted {name}: {slowed:.2%} slower, and nobody noticed")
    return complaints, len(counts)


def calls_are_seen(guard, found):
    """One hostcall more in every second request is complained of, one of WASI's and one allocation
    in one request of all."""
    says, complaints, planted = found["says"], [], 0
    counted = says["requests"]["counted"]
    for what, every, call in (("peers", 2, "get_property"), ("randoms", counted, "random_get"), ("allocations", counted, None)):
        now = said(guard, [f"requests.{kind}:{what}={every}" for kind in says["hostcalls"]])
        for kind, calls in says["hostcalls"].items():
            sides = [side["hostcalls"][kind] if call else side["requests"]["allocations"] for side in (says, now)]
            name = call or kind
            more = sides[1].get(name, 0) - sides[0].get(name, 0)
            planted += 1
            if more != counted // every:
                complaints.append(f"planted {what} in {kind}: {more} were seen instead of {counted // every}")
            if name not in drifted(*sides, 0):
                complaints.append(f"planted {what} in {kind}: nobody noticed")
    return complaints, planted


def measure(guard):
    """What `profile` gives, what one turn of nothing costs, and planting nothing in a request."""
    counts, besides, functions, files, says = profile(guard)
    turn = counts.pop("nothing") / 1000
    first = next(name for name in counts if name.startswith("requests."))
    planting = (counts.pop("planting") - counts[first]) / says["requests"]["counted"]
    return {
        "counts": counts, "besides": besides, "functions": functions, "files": files, "says": says,
        "turn": turn, "planting": planting,
    }  # fmt: skip


def main():
    guard, module = [argument for argument in sys.argv[1:] if argument != "--write"]
    measured = measure(guard)
    found = record(measured, module)
    if "--write" in sys.argv:
        RECORD.write_text(spell(found))
        print(f"wrote {RECORD.relative_to(ROOT)}")
        return 0
    known = flat(tomllib.loads(RECORD.read_text()))
    if platform.machine() != "x86_64":
        # The record is of one instruction set; what does not depend on it is compared.
        print("guard: instructions are on record for x86_64 only")
        known |= {section: found[section] for section in INSTRUCTIONS}
    drifts, passed = compare(known, found)
    complaints = list(drifts)
    for wrong, looked in (
        all_is_run(measured["functions"], measured["files"], module),
        routes_are_linear(measured["counts"]),
        slow_downs_are_seen(guard, measured),
        calls_are_seen(guard, measured),
    ):
        complaints += wrong
        passed += looked
    for complaint in complaints:
        print(f"error: {complaint}", file=sys.stderr)
    if drifts:
        print("If this is what the change is to cost or to save: make test-guard WRITE=1", file=sys.stderr)
    print(f"guard: {passed - min(len(complaints), passed)} passed, {len(complaints)} failed")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
