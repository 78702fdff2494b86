// A real Envoy behind envoy/envoy.yaml, with clusters and a plugin configuration of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import YAML from 'yaml';

import { freePort } from './ports.mjs';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const binary = process.env.ENVOY ?? `${root}.venv/bin/envoy`;
const module = process.env.X402_MODULE ?? `${root}target/x402_proxy_wasm.wasm`;
const READY_WITHIN_MS = 60_000;

const at = (port) => ({ socket_address: { address: '127.0.0.1', port_value: port } });

/** `template` under another name, without TLS, at a port of this machine. */
function cluster(template, name, port) {
  const { transport_socket: _, dns_lookup_family: __, ...rest } = template;
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: at(port) } }] }];
  return { ...rest, name, type: 'STATIC', load_assignment: { cluster_name: name, endpoints } };
}

function bootstrap({ ports, facilitators, node, upstream, plugin, log }) {
  const tree = YAML.parse(readFileSync(`${root}envoy/envoy.yaml`, 'utf8'), { merge: true });
  tree.admin = { address: at(ports.admin) };
  const { listeners, clusters } = tree.static_resources;
  const template = (name) => clusters.find((one) => one.name === name);
  tree.static_resources.clusters = [
    ...Object.entries(facilitators).map(([name, port]) => cluster(template('facilitator'), name, port)),
    ...(node === undefined ? [] : [cluster(template('facilitator'), 'node', node)]),
    cluster(template('upstream'), 'upstream', upstream),
  ];
  listeners[0].address = at(ports.main);
  const manager = listeners[0].filter_chains[0].filters[0].typed_config;
  const logger = manager.access_log[0];
  logger.name = 'envoy.access_loggers.file';
  logger.typed_config['@type'] = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog';
  logger.typed_config.path = log;
  const { config } = manager.http_filters.find(({ name }) => name === 'envoy.filters.http.wasm').typed_config;
  delete config.vm_config.environment_variables;
  config.vm_config.code = { local: { filename: module } };
  config.configuration = { '@type': 'type.googleapis.com/google.protobuf.StringValue', value: JSON.stringify(plugin) };
  return tree;
}

/**
 * `facilitators` are ports by the name of their cluster, `upstream` is a port, and so is `node`, the
 * chain's; `plugin` is the configuration of the filter.
 */
export async function startEnvoy({ facilitators, node, upstream, plugin }) {
  const directory = mkdtempSync(join(tmpdir(), 'x402-matrix-'));
  const ports = { main: await freePort(), admin: await freePort() };
  const path = (name) => join(directory, name);
  writeFileSync(path('envoy.json'), JSON.stringify(bootstrap({ ports, facilitators, node, upstream, plugin, log: path('access.log') })));
  const output = openSync(path('envoy.log'), 'w');
  const envoy = spawn(binary, [
    '-c', path('envoy.json'), '--concurrency', '2', '--use-dynamic-base-id', '--log-level', 'warning',
    '--component-log-level', 'wasm:info',
  ], { stdio: ['ignore', output, output] });
  const kill = () => envoy.kill('SIGKILL');
  process.once('exit', kill);
  const log = () => readFileSync(path('envoy.log'), 'utf8');
  const stop = async () => {
    process.off('exit', kill);
    if (envoy.exitCode === null && envoy.signalCode === null) {
      const exited = once(envoy, 'exit');
      kill();
      await exited;
    }
    rmSync(directory, { recursive: true, force: true });
  };
  let failed;
  envoy.once('error', (error) => { failed = error; });
  const until = Date.now() + READY_WITHIN_MS;
  while (!(await isReady(ports.admin))) {
    if (failed !== undefined || envoy.exitCode !== null || Date.now() > until) {
      const text = failed?.message ?? log();
      await stop();
      throw new Error(`Envoy (${binary}) did not start:\n${text}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { url: `http://127.0.0.1:${ports.main}`, port: ports.main, admin: `http://127.0.0.1:${ports.admin}`, log, stop };
}

async function isReady(port) {
  try {
    return (await fetch(`http://127.0.0.1:${port}/ready`)).ok;
  } catch {
    return false;
  }
}
