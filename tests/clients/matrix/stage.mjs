// Everything a cell of the matrix stands on: chain, facilitators, upstream, Envoy, the road.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { keccak256, toHex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';

import { ADDRESSES, KEYS, startChain } from '../chain/deploy.mjs';
import { startFacilitator } from '../facilitator.mjs';
import { startBrowser } from './browser.mjs';
import { rustFacilitator } from './clients.mjs';
import { startEnvoy } from './envoy.mjs';
import { startHop } from './hop.mjs';
import { freePort } from './ports.mjs';
import { DEAD, ELSEWHERE, pluginConfig } from './shop.mjs';
import { startUpstream } from './upstream.mjs';
import { startWire } from './wire.mjs';

export const PURSE = 1_000_000n;

/** The published Rust facilitator: a process that prints where it listens. */
async function startRustFacilitator({ rpc, key }) {
  const child = spawn(rustFacilitator, ['--rpc', rpc, '--key', key, '--gas-sponsoring'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  let complaint = '';
  child.stderr.on('data', (chunk) => { complaint = (complaint + chunk).slice(-4000); });
  const ready = new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('{')) resolve(JSON.parse(line));
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${rustFacilitator} ended (${code}): ${complaint}`)));
  });
  const { url } = await ready;
  const stop = async () => {
    process.off('exit', kill);
    const exited = once(child, 'exit');
    kill();
    await exited;
  };
  return { port: Number(new URL(url).port), stop };
}

/** Starts it all; without `rust` and `chromium` all but those. */
export async function startStage({ rust, chromium }) {
  const timings = {};
  const timed = async (name, work) => {
    const started = performance.now();
    const result = await work;
    timings[name] = Math.round(performance.now() - started);
    return result;
  };
  const running = [];
  const keep = (part) => {
    running.push(part);
    return part;
  };
  const stop = async () => {
    for (const part of running.reverse()) await part.stop();
  };
  try {
    const [chain, upstream] = await Promise.all([
      timed('chain', startChain()).then(keep),
      startUpstream().then(keep),
    ]);
    const { rpc } = chain;
    const eip6492Factories = [ADDRESSES.walletFactory];
    const [npm, rs] = await timed('facilitators', Promise.all([
      startFacilitator({ rpc, key: KEYS.npmFacilitator, eip6492Factories, alsoListed: ELSEWHERE }).then(keep),
      rust ? startRustFacilitator({ rpc, key: KEYS.rustFacilitator }).then(keep) : undefined,
    ]));
    const wires = { npm: await startWire(npm.port).then(keep), ...(rs && { rs: await startWire(rs.port).then(keep) }) };
    const facilitators = { ...Object.fromEntries(Object.entries(wires).map(([name, wire]) => [name, wire.port])), [DEAD]: await freePort() };
    // Both lead to the same upstream and facilitators; one of the proxies asks the chain as well.
    const road = async (node) => {
      const hop = await startHop().then(keep);
      const plugin = pluginConfig({ origin: hop.url, facilitators: Object.keys(facilitators), node: node !== undefined });
      const envoy = await startEnvoy({ facilitators, node, upstream: upstream.port, plugin }).then(keep);
      hop.lead(envoy.port);
      return { hop, envoy };
    };
    const [plain, proven] = await timed('Envoy', Promise.all([road(), road(Number(new URL(rpc).port))]));
    const browser = chromium ? await timed('Chromium', startBrowser().then(keep)) : undefined;
    return { chain, upstream, npm, rs, wires, roads: { plain, proven }, browser, payerOf, ledger: new Map(), timings, timed, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A payer nobody else is. */
export function payerOf(name) {
  const key = keccak256(toHex(`a payer for tests: ${name}`));
  return { key, account: privateKeyToAccount(key) };
}
