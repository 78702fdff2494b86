// The core asks a chain what became of a settlement: its program says what to call, this calls.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { toHex } from 'viem';

const program = process.env.X402_PROVE ?? fileURLToPath(new URL('../../target/debug/x402-prove', import.meta.url));
const MEANS = ['eip3009', 'permit2', 'upto'];

/** A question as the core keeps it, in hex. */
export function kept({ means, chainId, validBefore, token, payTo, payer, nonce, amount }) {
  const bytes = (value, size) => toHex(BigInt(value), { size }).slice(2);
  return [
    bytes(MEANS.indexOf(means), 1), bytes(chainId, 8), bytes(validBefore, 8),
    bytes(token, 20), bytes(payTo, 20), bytes(payer, 20), bytes(nonce, 32), bytes(amount, 32),
  ].join('');
}

/** Starts the program. `ask` resolves to `{proof, transaction?, methods, answers}`. */
export function startProver({ rpc }) {
  if (!existsSync(program)) throw new Error(`${program} is not built: run \`make prover\` (or set X402_PROVE)`);
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  const send = async (request) => {
    const response = await fetch(rpc, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(request) });
    return response.json();
  };

  /** `node` may answer in the node's place: it gets the request and what sends it there. */
  const ask = async (question, { finality = 900, node = (request) => send(request) } = {}) => {
    child.stdin.write(`${kept(question)} ${finality}\n`);
    const [methods, answers] = [[], []];
    for (;;) {
      const { value: line, done } = await lines.next();
      if (done) throw new Error('the program ended');
      const [what, rest] = [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)];
      if (what === 'proof') {
        const [proof, transaction] = rest.split(' ');
        return { proof, methods, answers, ...(transaction && { transaction }) };
      }
      const request = JSON.parse(rest);
      methods.push(request.method);
      answers.push(JSON.stringify(await node(request, send)));
      child.stdin.write(`200 ${answers.at(-1)}\n`);
    }
  };
  const stop = async () => {
    const ended = once(child, 'exit');
    child.stdin.end();
    await ended;
  };
  return { ask, stop };
}
