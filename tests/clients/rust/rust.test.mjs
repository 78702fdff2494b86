// The unmodified x402-reqwest pays through a real Envoy, and its program keeps its contract:
// one line of JSON and status 0, whatever happened.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { startStack } from '../stack.mjs';

const programs = process.env.X402_RUST
  ?? fileURLToPath(new URL('../../../target/clients-rust/debug', import.meta.url));
// dev0 and dev9 of the development stack: one has money, the other none.
const RICH = 'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
const POOR = '0x2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6';

async function pay(url, key, ...more) {
  const { stdout } = await promisify(execFile)(
    `${programs}/x402-rust-client`,
    ['pay', String(url), '--key', key, ...more],
  );
  assert.match(stdout, /^\{.*\}\n$/);
  return JSON.parse(stdout);
}

describe('x402-reqwest', () => {
  let stack;

  before(async () => {
    stack = await startStack();
  });

  after(async () => {
    await stack?.stop();
  });

  for (const { name, method, path } of [
    { name: 'GET settled before', method: 'GET', path: '/v1/tiles/7/66/44' },
    { name: 'POST settled after', method: 'POST', path: '/v1/embeddings' },
  ]) {
    it(`pays: ${name}`, async () => {
      const told = await pay(new URL(path, stack.url), RICH, '--method', method);

      assert.equal(told.status, 200, JSON.stringify(told));
      assert.equal(JSON.parse(told.body).method, method);
      const receipt = JSON.parse(Buffer.from(told.paymentResponse, 'base64'));
      assert.equal(receipt.success, true);
      assert.match(receipt.transaction, /^0x[0-9a-f]{64}$/);
    });
  }

  it('shows a refusal', async () => {
    const told = await pay(new URL('/v1/tiles/7/66/45', stack.url), POOR);

    assert.equal(told.status, 402, JSON.stringify(told));
  });

  it('tells what went wrong', async () => {
    assert.match((await pay('http://127.0.0.1:1/', RICH)).error, /refused/);
    assert.match((await pay('http://127.0.0.1:1/', 'no key')).error, /./);
  });
});
