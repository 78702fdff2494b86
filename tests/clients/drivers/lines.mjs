// What the four npm clients share: one purchase from the command line, or many from the
// standard input, each told in one line of JSON.

import { webcrypto } from 'node:crypto';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

// Node 18 keeps it in a module; the clients look for the global, as browsers have it.
globalThis.crypto ??= webcrypto;

/** What a receipt header says, or null. */
export function receiptOf(header) {
  for (const name of ['payment-response', 'x-payment-response']) {
    const value = header(name);
    if (typeof value === 'string') return JSON.parse(Buffer.from(value, 'base64').toString('utf8'));
  }
  return null;
}

async function tell(pay, { id, ...order }) {
  let answer;
  try {
    answer = await pay(order);
  } catch (error) {
    answer = { error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
  process.stdout.write(`${JSON.stringify({ id, ...answer })}\n`);
}

/**
 * `pay({url, key, rpc, method})` resolves to `{status, body, receipt}`.
 *
 *   node drivers/NAME.mjs URL --key HEX [--rpc URL] [--method GET]
 *   node drivers/NAME.mjs              orders {id, url, key, rpc, method} by line
 */
export async function drive(pay) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { key: { type: 'string' }, rpc: { type: 'string' }, method: { type: 'string', default: 'GET' } },
  });
  if (positionals.length === 1) {
    await tell(pay, { url: positionals[0], ...values });
    return;
  }
  for await (const line of createInterface({ input: process.stdin })) tell(pay, { method: 'GET', ...JSON.parse(line) });
}
