#!/usr/bin/env python3
"""Licences, sources and bans of every crate in the lock files, by the rules of the deny.toml
beside the manifest, or else of the one at the root.

What cargo-deny does offline, without building cargo-deny. Advisories need its database:
`make deny`.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = [
    "Cargo.toml",
    "benches/noop/Cargo.toml",
    "benches/peers/axum/Cargo.toml",
    "benches/recovery/Cargo.toml",
    "fuzz/Cargo.toml",
    "tests/clients/rust/Cargo.toml",
]


def cargo(*arguments, manifest):
    command = ["cargo", *arguments, "--locked", "--manifest-path", str(manifest)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def packages(manifest):
    """The crates that are compiled for any target.

    The lock file, and with it `cargo metadata`, also names optional ones nobody enables.
    """
    tree = cargo(
        "tree", "--workspace", "--all-features", "--target", "all", "--prefix", "none",
        "--format", "{p}", manifest=manifest,
    )
    compiled = {tuple(line.split()[:2]) for line in tree.splitlines()}
    metadata = json.loads(
        cargo("metadata", "--all-features", "--format-version", "1", manifest=manifest)
    )
    return [
        package
        for package in metadata["packages"]
        if (package["name"], f"v{package['version']}") in compiled
    ]


def satisfied(expression, allowed):
    """Whether an SPDX expression can be met by allowed licences alone."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))

    def alternatives():
        met = conjunction()
        while tokens[:1] == ["OR"]:
            tokens.pop(0)
            met = conjunction() or met
        return met

    def conjunction():
        met = one()
        while tokens[:1] == ["AND"]:
            tokens.pop(0)
            met = one() and met
        return met

    def one():
        token = tokens.pop(0)
        if token == "(":
            met = alternatives()
            tokens.pop(0)
            return met
        if tokens[:1] == ["WITH"]:
            tokens.pop(0)
            token = f"{token} WITH {tokens.pop(0)}"
        return token in allowed

    return alternatives() and not tokens


def complaints(package, rules):
    name = f"{package['name']} {package['version']}"
    licence = package["license"]
    if licence is None:
        yield f"{name}: no licence is declared"
    elif not satisfied(licence, rules["licences"]):
        yield f"{name}: licence {licence} is not allowed by deny.toml"
    source = package["source"]
    if source is not None and source not in rules["sources"]:
        yield f"{name}: source {source} is not allowed by deny.toml"
    if package["name"] in rules["banned"]:
        yield f"{name}: banned by deny.toml: {rules['banned'][package['name']]}"
    if source is None:
        for dependency in package["dependencies"]:
            if dependency["req"] == "*" and "path" not in dependency:
                yield f"{name}: depends on any version of {dependency['name']}"


def rules_for(manifest):
    beside = manifest.parent / "deny.toml"
    deny = tomllib.loads((beside if beside.exists() else ROOT / "deny.toml").read_text())
    return {
        "licences": set(deny["licenses"]["allow"]),
        "sources": {f"registry+{url}" for url in deny["sources"]["allow-registry"]},
        "banned": {ban["name"]: ban["reason"] for ban in deny["bans"]["deny"]},
    }


def main():
    found = set()
    wrong = []
    for manifest in MANIFESTS:
        rules = rules_for(ROOT / manifest)
        for package in packages(ROOT / manifest):
            found.add((package["name"], package["version"]))
            wrong += [f"{manifest}: {text}" for text in complaints(package, rules)]
    for text in sorted(wrong):
        print(f"error: {text}", file=sys.stderr)
    print(f"dependencies: {len(found)} crates, {len(wrong)} complaints")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
