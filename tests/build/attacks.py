#!/usr/bin/env python3
"""Runs the attack suite, and holds docs/security.md against it.

A test belongs to the suite if its name begins with the row it proves (`a6_...`, or `a1_a2_...`
for two), and runs on a real Envoy: those of tests/live, and of tests/scenarios the ones that end
in `::envoy`. The document has a section for each row and names tests of it in backticks, where
`*` stands for the rest of a name. docs/states.md has a table for each accident, and names tests in
each of its rows.

    attacks.py             builds, runs, counts by row
    attacks.py --list      builds and counts, without running
    attacks.py --static    compares the documents with the sources, without building
"""

import fnmatch
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "security.md"
STATES = ROOT / "docs" / "states.md"
ROWS = range(1, 20)
LEAST = 120


def rows_of(name):
    """The rows a test's name begins with."""
    prefix = re.match(r"(?:a\d+_)*", name).group()
    return [int(number) for number in re.findall(r"a(\d+)_", prefix)]


def sections():
    """The document's text by row."""
    parts = re.split(r"^## A(\d+)\b", DOCUMENT.read_text(), flags=re.M)
    return {int(row): re.split(r"^## ", text, flags=re.M)[0] for row, text in zip(parts[1::2], parts[2::2])}


def named(text):
    return sorted(set(re.findall(r"`(a\d+_[a-z0-9_*]+)`", text)))


def check_document(exists):
    """What is wrong with the document; `exists` says whether a name, or a part of one, is a test."""
    wrong = []
    found = sections()
    for row in ROWS:
        if row not in found:
            wrong.append(f"docs/security.md: no section for A{row}")
        elif not any(row in rows_of(name) for name in named(found[row])):
            wrong.append(f"docs/security.md: A{row} names no test of its own")
    wrong += check_states(exists)
    for row, text in sorted(found.items()):
        wrong += [f"docs/security.md: A{row} names `{name}`, which is no test" for name in named(text) if not exists(name)]
    return wrong


def check_states(exists):
    """The same of the accidents that may befall a claim: for each state of it, a test."""
    overview, *accidents = STATES.read_text().split("\n## ")
    states = set(re.findall(r"^\| ([a-z]+)", overview, flags=re.M)) - {"state"}
    wrong = []
    for accident in accidents:
        title = accident.splitlines()[0]
        rows = [line.strip("| ").split(" | ", 1) for line in accident.splitlines() if line.startswith("| ")]
        tested = " ".join(first for first, *rest in rows if named("".join(rest)))
        # What is at rest has no client that could leave.
        resting = {"taken", "delivered", "unknown", "credited"} if title == "The client leaves" else set()
        wrong += [f"docs/states.md: no test of {state} under {title!r}"
                  for state in sorted(states - resting) if state not in tested]
        wrong += [f"docs/states.md names `{name}`, which is no test" for name in named(accident) if not exists(name)]
    return wrong


# === Without building ===


def written():
    """Names in the sources; `{...}` of those put together at run time stands for anything."""
    names = set()
    for source in (ROOT / "tests" / "live" / "tests").glob("*.rs"):
        text = source.read_text()
        names |= set(re.findall(r"\bfn (a\d+_[a-z0-9_]+)", text))
        names |= set(re.findall(r"^\s+(a\d+_[a-z0-9_]+)(?::|$)", text, flags=re.M))
    for source in (ROOT / "tests" / "scenarios" / "src").rglob("*.rs"):
        names |= set(re.findall(r'"(a\d+_[a-z0-9_{}]+)"', source.read_text()))
    return names


def check_static():
    patterns = [re.sub(r"\{[a-z_]*\}", "*", name) for name in written()]

    def exists(name):
        if "*" in name:
            start = name.split("*")[0]
            starts = [pattern.split("*")[0] for pattern in patterns]
            return any(known.startswith(start) or ("*" in pattern and start.startswith(known))
                       for known, pattern in zip(starts, patterns))
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)

    return check_document(exists)


# === With the test programs ===


def programs():
    """(path, folder) of each test program that drives an Envoy."""
    command = ["cargo", "test", "--locked", "--no-run", "--message-format=json-render-diagnostics",
               "-p", "x402-live", "-p", "x402-scenarios"]
    built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found = []
    for line in built.stdout.splitlines():
        message = json.loads(line)
        target = message.get("target", {})
        if message.get("executable") and target.get("kind") == ["test"]:
            if target["name"].startswith(("envoy", "scenarios")):
                found.append((message["executable"], Path(message["manifest_path"]).parent))
    return sorted(found)


def listed(program, folder):
    """Names of a program's tests: those of the suite, and the others."""
    run = subprocess.run([program, "--list"], cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True, check=True)
    names = [line.removesuffix(": test") for line in run.stdout.splitlines() if line.endswith(": test")]
    ours = [name for name in names if belongs(name)]
    return ours, [name for name in names if name not in ours]


def belongs(name):
    if name.count("::envoy") and not name.endswith("::envoy"):
        return False
    return bool(rows_of(plain(name)))


def plain(name):
    """Without the rig behind and the module before."""
    return name.removesuffix("::envoy").split("::")[-1]


def environment():
    # Without an Envoy there is nothing to say.
    return {**os.environ, "CI": "1"}


def run(program, folder, ours, others):
    """Names that passed."""
    # libtest takes many filters; libtest-mimic takes one, and many to skip.
    mimic = any(name.endswith("::envoy") for name in ours)
    chosen = [word for name in others for word in ("--skip", name)] if mimic else ours
    command = [program, "--exact", *chosen]
    done = subprocess.run(command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    passed = set(re.findall(r"^test (\S+)\s+\.\.\. ok$", done.stdout, flags=re.M)) & set(ours)
    if done.returncode or passed != set(ours):
        print(done.stdout)
        print(f"{Path(program).name}: failed: {sorted(set(ours) - passed)}", file=sys.stderr)
    return passed


def main():
    if "--static" in sys.argv:
        wrong = check_static()
    else:
        wrong = suite(runs="--list" not in sys.argv)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


def suite(runs):
    every, passed = [], []
    for program, folder in programs():
        ours, others = listed(program, folder)
        if ours:
            every += ours
            passed += sorted(run(program, folder, ours, others)) if runs else ours
    names = {plain(name) for name in every}
    wrong = [f"not passed: {name}" for name in sorted(set(every) - set(passed))]
    print(f"{'row':<5}{'tests':>6}{'passed' if runs else '':>8}")
    for row in ROWS:
        here = [name for name in every if row in rows_of(plain(name))]
        good = [name for name in passed if row in rows_of(plain(name))]
        print(f"A{row:<4}{len(here):>6}{len(good) if runs else '':>8}")
        if not good:
            wrong.append(f"A{row} has no test")
    print(f"{'all':<5}{len(every):>6}{len(passed) if runs else '':>8}")
    if len(passed) < LEAST:
        wrong.append(f"{len(passed)} tests are fewer than {LEAST}")
    return wrong + check_document(lambda name: any(fnmatch.fnmatchcase(known, name) for known in names))


if __name__ == "__main__":
    sys.exit(main())
