// The seven clients, each driven through its own process, and what each can do.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const drivers = fileURLToPath(new URL('../drivers/', import.meta.url));
const python = `${root}.venv/bin/python`;
const binaries = process.env.X402_RUST ?? `${process.env.CARGO_TARGET_DIR ?? `${root}target`}/clients-rust/debug`;
export const rustClient = `${binaries}/x402-rust-client`;
export const rustFacilitator = `${binaries}/x402-rust-facilitator`;

const ANSWER_WITHIN_MS = 90_000;

/** One process for all purchases of a client: orders in, answers out, by line. */
function lines(command, args) {
  let child;
  const waiting = new Map();
  let next = 0;
  const start = () => {
    child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let complaint = '';
    child.stderr.on('data', (chunk) => { complaint = (complaint + chunk).slice(-4000); });
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { id, ...answer } = JSON.parse(line);
      waiting.get(id)?.resolve(answer);
      waiting.delete(id);
    });
    const fail = (why) => {
      for (const { reject } of waiting.values()) reject(new Error(`${args.at(-1)} ${why}: ${complaint}`));
      waiting.clear();
    };
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code, signal) => fail(`ended (${signal ?? code})`));
    child.stdin.on('error', () => {});
  };
  return {
    async pay(order) {
      if (child === undefined) start();
      const id = next++;
      const answer = new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
      child.stdin.write(`${JSON.stringify({ id, ...order })}\n`);
      const late = setTimeout(() => waiting.get(id)?.reject(new Error('no answer')), ANSWER_WITHIN_MS);
      try {
        return await answer;
      } finally {
        clearTimeout(late);
        waiting.delete(id);
      }
    },
    async stop() {
      if (child === undefined || child.exitCode !== null) return;
      const exited = once(child, 'exit');
      child.stdin.end();
      const kill = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await exited;
      clearTimeout(kill);
    },
  };
}

const node = (name) => lines(process.execPath, [`${drivers}${name}`]);
const py = (name) => lines(python, ['-B', `${drivers}${name}`]);

/** A process for every purchase. */
function binary(path) {
  return {
    pay: ({ url, key, rpc, method = 'GET' }) => new Promise((resolve, reject) => {
      const args = ['pay', url, '--key', key, '--method', method];
      if (rpc !== undefined) args.push('--rpc', rpc);
      execFile(path, args, { timeout: ANSWER_WITHIN_MS }, (error, stdout, stderr) => {
        if (stdout.trim() === '') reject(error ?? new Error(stderr));
        else {
          const { paymentResponse, ...answer } = JSON.parse(stdout);
          if (typeof paymentResponse === 'string') answer.receipt = JSON.parse(Buffer.from(paymentResponse, 'base64').toString('utf8'));
          resolve(answer);
        }
      });
    }),
    stop: async () => {},
  };
}

/**
 * `versions` of the protocol a client speaks, `schemes` it signs, `cap` the most it pays
 * without being asked, in base units.
 */
export const CLIENTS = [
  { name: '@x402/fetch', versions: [2, 1], schemes: ['exact', 'permit2', 'sponsored', 'upto'], driver: node('fetch.mjs') },
  { name: '@x402/axios', versions: [2, 1], schemes: ['exact', 'permit2', 'sponsored', 'upto'], driver: node('axios.mjs') },
  { name: 'x402-fetch', versions: [1], schemes: ['exact'], driver: node('legacy-fetch.mjs') },
  { name: 'x402-axios', versions: [1], schemes: ['exact'], driver: node('legacy-axios.mjs') },
  { name: 'x402 httpx', versions: [2, 1], schemes: ['exact', 'permit2', 'sponsored', 'upto'], driver: py('httpx_client.py') },
  { name: 'x402 requests', versions: [2, 1], schemes: ['exact', 'permit2', 'sponsored', 'upto'], driver: py('requests_client.py') },
  { name: 'x402-reqwest', versions: [2, 1], schemes: ['exact', 'permit2', 'upto'], driver: binary(rustClient), missing: !existsSync(rustClient) },
];
