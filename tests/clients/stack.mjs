// Starts the development stack: facilitator, upstream and a real Envoy with the filter.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
export const launcher = process.env.X402_UP ?? `${root}target/debug/x402-up`;
const READY_WITHIN_MS = 60_000;

/** Starts everything on free ports. Resolves once Envoy answers; `log` is Envoy's log. */
export async function startStack() {
  if (!existsSync(launcher)) {
    throw new Error(`${launcher} is not built: run \`make launcher\` (or set X402_UP)`);
  }
  const child = spawn(launcher, ['--stdin'], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'pipe'],
    // envoy.yaml sends it along; the development facilitator only notes that it was there.
    env: { X402_FACILITATOR_TOKEN: 'development', ...process.env },
  });
  const output = [];
  const keep = (line) => {
    output.push(line);
    if (output.length > 400) output.shift();
  };
  createInterface({ input: child.stderr }).on('line', keep);
  const exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));

  const stop = async () => {
    // The launcher ends when its standard input does, also when this process is killed.
    child.stdin.end();
    const kill = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(kill);
  };

  const ready = new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(new Error(`the stack was not ready within ${READY_WITHIN_MS / 1000} s`)),
      READY_WITHIN_MS,
    );
    createInterface({ input: child.stdout }).on('line', (line) => {
      keep(line);
      if (!line.startsWith('{"') || !line.includes('"envoyAdmin"')) return;
      clearTimeout(late);
      resolve(JSON.parse(line));
    });
    child.once('error', reject);
    exited.then((how) => {
      clearTimeout(late);
      reject(new Error(`the stack ended before it was ready (${how})`));
    });
  });

  try {
    const addresses = await ready;
    const logTail = () => {
      const envoy = addresses.log === undefined ? '' : readFileSync(addresses.log, 'utf8');
      return [...output, ...envoy.trimEnd().split('\n')].slice(-40);
    };
    return { ...addresses, logTail, stop, exited };
  } catch (error) {
    await stop();
    error.message += `\n${output.join('\n')}`;
    throw error;
  }
}

async function admin(stack, path, body) {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(new URL(`/admin/${path}`, stack.facilitator), init);
  if (!response.ok) throw new Error(`/admin/${path} answered ${response.status}: ${await response.text()}`);
  return await response.json();
}

const sameAddress = (a, b) => a.toLowerCase() === b.toLowerCase();

/** Sets a balance on the facilitator's ledger, in base units. */
export const fund = (stack, { network, asset, address, amount }) =>
  admin(stack, 'fund', { network, asset, address, amount: String(amount) });

/** A balance on the facilitator's ledger, in base units. Who never received anything has 0. */
export async function balance(stack, { network, asset, address }) {
  const { balances } = await admin(stack, 'ledger');
  const entry = balances.find((one) =>
    one.network === network && sameAddress(one.asset, asset) && sameAddress(one.address, address));
  return BigInt(entry?.amount ?? 0);
}

/** Every call the facilitator received, oldest first. */
export const calls = (stack) => admin(stack, 'calls');
