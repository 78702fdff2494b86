"""`x402-guard` under callgrind: the program's own instructions, by path. Those of libc are not among
them, since libc chooses its routines by processor; what moves memory is the program's own.
"""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOSTCALLS = ROOT / "tests/scenarios/src/native/abi.rs"

# What is counted lies between two of these marks: of the core's paths all that is called, ...
MARK = "x402_guard::mark"
GATES = "x402_guard::gate::*"
# ... of requests the filter's side: on in callbacks, off in hostcalls and in WASI's, on where the
# host has it make room.
HOST = "x402_scenarios::"
SIDE = (f"{HOST}native::side::callback", f"{HOST}native::side::tally", "proxy_on_memory_allocate")
# Recovering a signer is most of what a payment costs, and a path of its own.
RECOVERY = "x402_proxy_wasm::secp256k1::"
# What of the host is on that side: where it begins, and whom the allocator asks.
BORDER = (f"{HOST}native::side::",)


def hostcalls():
    """The functions of the host."""
    return re.findall(r'extern "C" fn (proxy_\w+)', HOSTCALLS.read_text())


def profile(guard, plants=()):
    """Instructions by path, the same besides recovery, the functions that ran for requests, the files of
    all that ran, and what the program says. Two counts are for planting: a thousand turns of `nothing`, and requests of the first
    kind with a plant that does nothing, which is `planting`."""
    with tempfile.TemporaryDirectory() as folder:
        toggles = (GATES, *SIDE, *hostcalls())
        command = [
            "valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", f"--dump-after={MARK}",
            *(f"--toggle-collect={name}" for name in toggles),
            "--compress-strings=no", "--compress-pos=no", str(guard), *plants,
        ]  # fmt: skip
        run = subprocess.run(command, env=environment(), capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"{' '.join(command)}\n{run.stderr}")
        said = tomllib.loads(run.stdout)
        dumps = sorted(Path(folder).glob("out.*"), key=lambda dump: int(dump.suffix[1:]))
        # In the order in which the program says them.
        kinds = [f"requests.{kind}" for kind in said["requests"]["allocations"]]
        names = ["nothing", *said["allocations"], *kinds, "planting"]
        found = [read(dump, Path(guard).name) for dump in dumps[1::2]]
        counts = {name: ran.total() for name, (ran, _) in zip(names, found)}
        if len(dumps) != 2 * len(names) or not all(counts.values()):
            sys.exit(f"{len(dumps)} dumps for {len(names)} paths, and of instructions: {counts}")
        besides = {
            name: sum(own for function, own in ran.items() if not function.startswith(RECOVERY))
            for name, (ran, _) in zip(names, found)
        }
        functions = set().union(*(ran for name, (ran, _) in zip(names, found) if name in kinds))
        files = set().union(*(files for _, files in found))
        return counts, besides, functions, files, said


def environment():
    """Fixed, so that no address and no length of it moves anything."""
    return {"PATH": os.environ["PATH"], "LC_ALL": "C"}


def read(dump, program):
    """One dump: instructions by function, of those that are the program's own and ran, and the files that
    these are from: what is inlined has a file of its own, and no name."""
    function, file, ours, skip, ran, files = "", "", False, False, Counter(), set()
    for line in dump.read_text().splitlines():
        if line.startswith("ob="):
            ours = line.endswith(f"/{program}")
        elif line.startswith("fn="):
            function = line[3:]
        elif line.startswith(("fl=", "fi=", "fe=")):
            file = line[3:]
        elif line.startswith("calls="):
            skip = True
        elif re.match(r"[\d+*-]", line):
            # A line of zero instructions has no second number; one after `calls=` is the callee's.
            own = int((line.split() + ["0"])[1])
            if own and ours and not skip:
                ran[function] += own
                files.add(file)
            skip = False
    return ran, files
