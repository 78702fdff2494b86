#!/usr/bin/env python3
"""What a change costs, seen in the change: instructions and allocations of the core's paths,
hostcalls of each kind of request, the module's size and its memory with ten thousand routes,
against `benches/guard/counts.toml`.

    guard.py GUARD HOSTCALLS MODULE [--write]

GUARD is `x402-guard`, run under callgrind: its own instructions are counted, those of libc are
not, since libc chooses its routines by processor. It says itself how often each path allocates.
HOSTCALLS is `x402-hostcalls`, MODULE the wasm module. With `--write` what is found becomes the
record. Without, after the comparison, every path is slowed down by 5 % on purpose: a guard that
would let that pass fails.
"""

import os
import platform
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "benches/guard/counts.toml"
GATES = ROOT / "benches/guard/src/gate.rs"

# Of a path's instructions: what a change of the compiler's mind elsewhere may cost.
TOLERANCE = 0.01
# Of the module's bytes.
SIZE_TOLERANCE = 0.01
# Of a sandbox's memory, which grows by 64 KiB.
MEMORY_TOLERANCE = 0.05
PLANTED = 0.05

GATE = "x402_guard::gate::"

HEAD = """\
# Recorded by `make test-guard WRITE=1`; `make test-guard` compares. See tests/build/guard.py.
"""


def gates():
    """The names of what is counted. Dumps are not made for patterns."""
    return re.findall(r"^pub\(crate\) fn (\w+)", GATES.read_text(), re.MULTILINE)


def profile(guard, planted):
    """Instructions and allocations by path."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = [
            "valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
            f"--toggle-collect={GATE}*", *(f"--dump-after={GATE}{name}" for name in gates()),
            "--compress-strings=no", "--compress-pos=no", str(guard),
            *(f"{name}={turns}" for name, turns in planted.items()),
        ]  # fmt: skip
        # Fixed, so that no address and no length of the environment moves anything.
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        run = subprocess.run(command, env=environment, capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"{' '.join(command)}\n{run.stderr}")
        dumps = sorted(Path(folder).glob("out.*"), key=lambda dump: int(dump.suffix[1:]))
        counted = dict(filter(None, (read(dump, Path(guard).name) for dump in dumps)))
        return counted, tomllib.loads(run.stdout)


def read(dump, program):
    """One dump: its path, and what of it is the program's own."""
    name, ours, own, skip = None, False, 0, False
    for line in dump.read_text().splitlines():
        if line.startswith("desc: Trigger:"):
            found = re.search(re.escape(GATE) + r"(\w+)", line)
            name = found and found.group(1)
        elif line.startswith("ob="):
            ours = line.endswith(f"/{program}")
        elif line.startswith("calls="):
            skip = True
        elif re.match(r"[\d+*-]", line):
            # A line of zero instructions has no second number; one after `calls=` is the callee's.
            if not skip and ours:
                own += int((line.split() + ["0"])[1])
            skip = False
    return name and (name, own)


def hostcalls(program):
    """Of three runs what most of them count: where things are kept is decided by a seed, and now and
    then two meet in one place and take a call less."""
    runs = []
    for _ in range(3):
        text = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout
        runs.append(tomllib.loads(text)["hostcalls"])
    names = {path: sorted(set().union(*(run[path] for run in runs))) for path in runs[0]}
    counts = {
        path: {name: sorted(run[path].get(name, 0) for run in runs)[1] for name in all_names}
        for path, all_names in names.items()
    }
    return {path: {name: count for name, count in calls.items() if count} for path, calls in counts.items()}


def memory(module):
    command = ["node", str(ROOT / "tests/build/memory.mjs"), str(module)]
    return tomllib.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)["memory"]


def measure(guard, program, module):
    counted, allocations = profile(guard, {})
    turn = counted.pop("nothing") / 1000
    return turn, {
        "module": {"bytes": Path(module).stat().st_size},
        "memory": memory(module),
        "instructions": counted,
        "allocations": allocations,
        "hostcalls": hostcalls(program),
    }


def spell(found):
    lines = [HEAD]
    for section in ("module", "memory", "instructions", "allocations"):
        lines += [f"[{section}]", *(f"{key} = {value}" for key, value in found[section].items()), ""]
    for path, calls in found["hostcalls"].items():
        lines += [f"[hostcalls.{path}]", *(f"{name} = {count}" for name, count in calls.items()), ""]
    return "\n".join(lines)


def drifted(known, found, tolerance):
    """What is no longer within the tolerance, with its drift."""
    wrong = {}
    for name in known.keys() | found.keys():
        old, new = known.get(name, 0), found.get(name, 0)
        if abs(new - old) > old * tolerance:
            wrong[name] = (old, new)
    return wrong


def compare(known, found):
    """Complaints, and how many things were compared."""
    complaints, compared = [], 0

    def section(what, known, found, tolerance):
        nonlocal compared
        compared += len(known.keys() | found.keys())
        for name, (old, new) in sorted(drifted(known, found, tolerance).items()):
            drift = f" ({new / old - 1:+.2%})" if old else ""
            complaints.append(f"{what} {name}: {old} on record, {new} now{drift}")

    section("module", known["module"], found["module"], SIZE_TOLERANCE)
    section("memory", known["memory"], found["memory"], MEMORY_TOLERANCE)
    section("instructions", known["instructions"], found["instructions"], TOLERANCE)
    section("allocations", known["allocations"], found["allocations"], 0)
    for path in known["hostcalls"].keys() | found["hostcalls"].keys():
        calls = [side["hostcalls"].get(path, {}) for side in (known, found)]
        section(f"hostcalls {path}", *calls, 0)
    return complaints, compared


def planted_is_seen(guard, found, turn):
    """Every path, slowed down on purpose, is complained of."""
    counts = found["instructions"]
    planted = {name: round(count * PLANTED / turn) for name, count in counts.items()}
    slower, _ = profile(guard, planted)
    complaints = []
    seen = drifted(counts, {name: slower[name] for name in counts}, TOLERANCE)
    for name, count in counts.items():
        slowed = slower[name] / count - 1
        if abs(slowed - PLANTED) > 0.005:
            complaints.append(f"planted {name}: {slowed:.2%} were planted instead of {PLANTED:.0%}")
        if name not in seen:
            complaints.append(f"planted {name}: {slowed:.2%} slower, and nobody noticed")
    return complaints, len(counts)


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--write"]
    turn, found = measure(*arguments)
    if "--write" in sys.argv:
        RECORD.write_text(spell(found))
        print(f"wrote {RECORD.relative_to(ROOT)}")
        return 0
    known = tomllib.loads(RECORD.read_text())
    if platform.machine() != "x86_64":
        # The record is of one instruction set; what does not depend on it is compared.
        print("guard: instructions are on record for x86_64 only")
        known["instructions"] = found["instructions"]
    complaints, compared = compare(known, found)
    planted, plants = planted_is_seen(arguments[0], found, turn)
    for complaint in complaints + planted:
        print(f"error: {complaint}", file=sys.stderr)
    if complaints:
        print("If this is what the change is to cost or to save: make test-guard WRITE=1", file=sys.stderr)
    failed = len(complaints) + len(planted)
    print(f"guard: {compared + plants - min(failed, compared + plants)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
