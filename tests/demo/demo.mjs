#!/usr/bin/env node
// `make demo`: a paid route through a real Envoy, step by step, every step checked.
// Exits 1 at the first thing that is not as it should be.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import { NETWORK, payerAccount, payingFetch, paymentRequired, receipt, recorded } from '../clients/client.mjs';
import { balance, calls, fund, startStack } from '../clients/stack.mjs';
import { headers, json, note, ok, problem, step, summary } from './print.mjs';

const PATH = '/v1/tiles/7/66/44';
const PRICE = 5_000n;
const PURSE = 10_000_000n;

const usdc = (units) => `${(Number(units) / 1e6).toFixed(6)} USDC`;

const reencode = (header, change) => {
  const payment = JSON.parse(Buffer.from(header, 'base64').toString('utf8'));
  change(payment);
  return Buffer.from(JSON.stringify(payment)).toString('base64');
};

async function demo(stack) {
  const url = new URL(PATH, stack.url);
  const account = payerAccount();

  step('A free route costs nothing');
  const free = await fetch(new URL('/healthz', stack.url));
  await free.text();
  headers('GET /healthz', free);
  assert.equal(free.status, 200, 'the free route answers 200');
  assert.equal(receipt(free), undefined, 'nothing was paid for it');
  ok('200, no payment asked, no receipt');

  step('An unpaid request is quoted a price');
  const unpaid = await fetch(url);
  const refusal = await unpaid.json();
  const quote = paymentRequired(unpaid);
  headers(`GET ${PATH}`, unpaid, ['content-type', 'cache-control', 'payment-required']);
  json('PAYMENT-REQUIRED, decoded', quote);
  json('body', refusal);
  assert.equal(unpaid.status, 402);
  assert.match(unpaid.headers.get('cache-control'), /no-store/, 'a quote is never cached');
  assert.equal(quote.x402Version, 2);
  const terms = quote.accepts.find(({ network }) => network === NETWORK);
  assert.equal(BigInt(terms.amount), PRICE, 'the price of one tile');
  assert.equal(new URL(quote.resource.url).pathname, PATH);
  ok(`402: ${usdc(terms.amount)} to ${terms.payTo}`);

  const payer = { network: NETWORK, asset: terms.asset, address: account.address };
  const seller = { network: NETWORK, asset: terms.asset, address: terms.payTo };
  await fund(stack, { ...payer, amount: PURSE });
  await fund(stack, { ...seller, amount: 0n });

  step('The unmodified @x402/fetch pays and gets what it paid for');
  const wire = recorded();
  const paid = await payingFetch({ account, transport: wire.fetch })(url);
  const content = await paid.text();
  assert.deepEqual(wire.exchanges.map(({ status }) => status), [402, 200], `402, then 200; got: ${content}`);
  const payment = wire.exchanges[1].headers.get('payment-signature');
  json(`PAYMENT-SIGNATURE, decoded (${payment.length} bytes on the wire)`, JSON.parse(Buffer.from(payment, 'base64')));
  headers(`GET ${PATH}, paid`, paid, ['content-type', 'cache-control', 'payment-response']);
  json('PAYMENT-RESPONSE, decoded', receipt(paid));
  note(`body: ${content.length > 300 ? `${content.slice(0, 300)}…` : content.trim()}`);
  assert.equal(receipt(paid).success, true);
  assert.equal(receipt(paid).payer.toLowerCase(), account.address.toLowerCase());
  assert.match(paid.headers.get('cache-control'), /private/, 'what was bought is not for shared caches');
  assert.doesNotMatch(content, /payment-signature/i, 'the upstream never sees the payment');
  ok(`200 with a receipt: transaction ${receipt(paid).transaction}`);

  const called = (await calls(stack)).length;

  step('The same payment again buys nothing');
  const replay = await fetch(url, { headers: { 'PAYMENT-SIGNATURE': payment } });
  const replayed = await replay.json();
  headers(`GET ${PATH}, the same PAYMENT-SIGNATURE`, replay);
  json('body', replayed);
  assert.equal(replay.status, 402);
  assert.equal(paymentRequired(replay).error, 'payment_already_used');
  assert.equal(replayed.paymentState, 'delivered');
  ok('402 payment_already_used');

  step('A forged payment is refused, and never settled');
  const forgery = reencode(payment, ({ payload }) => {
    payload.authorization.nonce = `0x${randomBytes(32).toString('hex')}`;
  });
  note('a fresh nonce under the old signature');
  const forged = await fetch(url, { headers: { 'PAYMENT-SIGNATURE': forgery } });
  headers(`GET ${PATH}, forged`, forged);
  json('body', await forged.json());
  assert.equal(forged.status, 402);
  assert.equal(paymentRequired(forged).error, 'invalid_exact_evm_signature');
  // It might be a contract wallet's, so /verify is asked (`wallets: eoa` would refuse it here).
  assert.equal((await calls(stack)).length, called + 1, 'the replay asked nothing, the forgery asked /verify once');
  ok('402 invalid_exact_evm_signature, after one question and no settlement');

  step('The money moved once');
  const [spent, earned] = [await balance(stack, payer), await balance(stack, seller)];
  note(`payer   ${payer.address}  ${usdc(PURSE)} -> ${usdc(spent)}`);
  note(`seller  ${seller.address}  ${usdc(0n)} -> ${usdc(earned)}`);
  assert.equal(spent, PURSE - PRICE);
  assert.equal(earned, PRICE);
  ok(`payer -${PRICE}, seller +${PRICE} base units`);
}

let stack;
try {
  note('starting facilitator, upstream and Envoy');
  stack = await startStack();
  await demo(stack);
  summary();
} catch (error) {
  problem(error);
  for (const line of stack?.logTail() ?? []) note(line);
  process.exitCode = 1;
} finally {
  await stack?.stop();
}
