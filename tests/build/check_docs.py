#!/usr/bin/env python3
"""Every relative link in the Markdown files points to a file, every anchor to a heading, and
every `make` target the text names exists."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
TARGET = re.compile(r"`make ([a-z][a-z-]*)`|^ {4}make ([a-z][a-z-]*)", re.MULTILINE)


def markdown():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def anchors(path):
    headings = re.findall(r"^#+ +(.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in headings}


def complaints(path, targets):
    text = path.read_text()
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for link in LINK.findall(prose):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        goal = (path.parent / name).resolve() if name else path
        if not goal.exists():
            yield f"{link}: no such file"
        elif anchor and goal.suffix == ".md" and anchor not in anchors(goal):
            yield f"{link}: no such heading"
    for match in TARGET.findall(text):
        target = match[0] or match[1]
        if target not in targets:
            yield f"make {target}: no such target"


def main():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    files = markdown()
    wrong = [f"{path.relative_to(ROOT)}: {text}" for path in files for text in complaints(path, targets)]
    for text in wrong:
        print(f"error: {text}", file=sys.stderr)
    print(f"docs: {len(files)} files, {len(wrong)} complaints")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
