// Credit: no client sends a payment again, its next call signs another. Whatever went wrong after
// the money moved, that call brings what was paid for, and the money moves once.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { decode } from './cells.mjs';
import { paymentIn } from './hop.mjs';
import { FINALITY, OVERRIDE, PRICE } from './shop.mjs';

/** Milliseconds a settlement takes where a client does not wait for it, or the proxy does not. */
const SLOW = 700;
const PATIENCE_MS = 60_000;

/** Waits for it. */
export async function until(what, condition) {
  for (const end = Date.now() + PATIENCE_MS; !(await condition()); await sleep(50)) {
    assert.ok(Date.now() < end, `never: ${what}`);
  }
}

/** Of a metered offer the upstream says what it costs. */
const metered = { amount: OVERRIDE, order: { override: String(OVERRIDE) } };

/** Told to come again, and not asked for a payment. */
function pending(purchase, answer, ...codes) {
  assert.equal(answer.status, 503, JSON.stringify(answer));
  const { headers, body } = purchase.exchanges().at(-1);
  assert.ok(codes.includes(JSON.parse(body).code), `${body} is none of ${codes}`);
  assert.equal(headers['payment-required'], undefined, 'no quote');
  assert.ok(headers['retry-after'], 'when to come again');
}

/** The application calls its client again for as long as it is told to. */
async function comeBack(purchase, path, options, ...codes) {
  for (const end = Date.now() + PATIENCE_MS; ; await sleep(500)) {
    const answer = await purchase.buy(path, options);
    if (answer.status !== 503 || Date.now() > end) return answer;
    pending(purchase, answer, ...codes);
  }
}

/** The content came, for the one transfer there is; the facilitator heard of one payment only. */
async function credited(purchase, answer, { amount, hits }) {
  assert.equal(answer.status, 200, JSON.stringify(answer));
  assert.equal(answer.body, `the content of ${purchase.cell.id}`);
  purchase.hits(hits);
  const [{ transaction }] = await purchase.moved(amount);
  purchase.receipt(answer, transaction);
  assert.equal(purchase.settlements().length, 1, 'asked to settle');
  const nonces = new Set(purchase.payments().map(({ request }) => nonceOf(request)));
  assert.equal(nonces.size, purchase.payments().length, 'signed anew each time');
}

function nonceOf({ headers }) {
  const { authorization, permit2Authorization } = decode(paymentIn(headers).value).payload;
  return (authorization ?? permit2Authorization).nonce;
}

/** The money moved and the upstream failed. */
const failing = (path) => async (purchase) => {
  const failed = await purchase.buy(path, { order: { failures: 1 } });
  assert.equal(failed.status, 500, JSON.stringify(failed));
  const [{ transaction }] = await purchase.moved(PRICE);
  purchase.receipt(failed, transaction);
  await credited(purchase, await purchase.buy(path), { amount: PRICE, hits: 2 });
  purchase.statuses(402, 500, 402, 200);
};

/** The path of another route that sells for the same. */
export function beside({ facilitator }) {
  return `/${facilitator}/exact/verified`;
}

/** The money moved, the upstream led the client elsewhere and failed there; and it calls what it called. */
const led = (path) => async (purchase) => {
  const order = { leadsTo: beside(purchase.cell), failures: 1 };
  const failed = await purchase.buy(path, { order });
  const [{ transaction }] = await purchase.moved(PRICE);
  purchase.receipt(failed, transaction);
  // One of the clients follows nothing.
  if (failed.status === 302) return;
  assert.equal(failed.status, 500, JSON.stringify(failed));
  const answer = await purchase.buy(path, { order });
  assert.equal(answer.status, 200, JSON.stringify(answer));
  assert.equal(answer.body, `the content of ${purchase.cell.id}`);
  purchase.hits(4);
  await purchase.moved(PRICE);
  purchase.receipt(answer, transaction);
  assert.equal(purchase.settlements().length, 1, 'asked to settle');
  // One of them asks for a quote again where it is led, and signs anew.
  const paid = purchase.exchanges().map(({ status }) => status).filter((status) => status !== 402);
  assert.deepEqual(paid, [302, 500, 302, 200], 'answers of the proxy');
};

/** The upstream failed before anything was charged: the next payment buys for itself. */
const uncharged = (path, { amount = PRICE, order = {} } = {}) => async (purchase) => {
  const failed = await purchase.buy(path, { order: { ...order, failures: 1 } });
  assert.equal(failed.status, 500, JSON.stringify(failed));
  await purchase.moved();
  await credited(purchase, await purchase.buy(path, { order }), { amount, hits: 2 });
};

/** It was booked, and the answer lost: the chain says so while the client still waits. */
const lost = (path, { amount = PRICE, order = {} } = {}) => async (purchase) => {
  purchase.spoil('lost');
  await credited(purchase, await purchase.buy(path, { order }), { amount, hits: 1 });
  purchase.statuses(402, 200);
};

/** The answer is lost and it is booked later: the chain proves nothing yet, and then it does. */
const early = (path, { amount = PRICE, order = {}, hits = 1 } = {}) => async (purchase) => {
  purchase.spoil('early', SLOW);
  pending(purchase, await purchase.buy(path, { order }), 'settlement_pending');
  await until('booked', () => purchase.settlements()[0].answer);
  const answer = await comeBack(purchase, path, { order }, 'payment_in_flight');
  await credited(purchase, answer, { amount, hits });
};

/** Nobody proves that it was booked: no content, and no second charge either. */
const unproven = (path, { amount = PRICE, order = {}, hits = 0 } = {}) => async (purchase) => {
  purchase.spoil('lost');
  pending(purchase, await purchase.buy(path, { order }), 'settlement_pending');
  for (let tries = 0; tries < 2; tries++) {
    const answer = await purchase.buy(path, { order });
    pending(purchase, answer, 'settlement_pending', 'payment_in_flight');
    await purchase.moved(amount);
    purchase.hits(hits);
  }
  const asked = new Set(purchase.settlements().map(({ paymentPayload: { payload } }) => (payload.authorization ?? payload.permit2Authorization).nonce));
  assert.equal(asked.size, 1, 'payments the facilitator heard of');
};

/** The client hangs up while it is being settled. */
const left = (path, { amount = PRICE, order = {}, hits = 1 } = {}) => async (purchase) => {
  purchase.spoil('slow', SLOW);
  const leave = () => until('asked to settle', () => purchase.settlements().length > 0);
  const gone = await purchase.buy(path, { order, lie: { leave } });
  assert.ok(gone.error !== undefined, JSON.stringify(gone));
  await credited(purchase, await comeBack(purchase, path, { order }, 'payment_in_flight'), { amount, hits });
};

/** The payer takes back what may have been settled. */
async function cancelled(purchase) {
  const { chain } = purchase.stage;
  // These facilitators have five seconds. Where one needs longer to verify, nothing was taken.
  const codes = ['settlement_pending', 'payment_in_flight', 'facilitator_unavailable'];
  purchase.spoil('swallowed');
  for (const end = Date.now() + PATIENCE_MS; purchase.settlements().length === 0 && Date.now() < end;) {
    pending(purchase, await purchase.buy('brief'), ...codes);
  }
  const { authorization } = purchase.settlements()[0].paymentPayload.payload;
  await chain.cancelAuthorization(purchase.payer.account, authorization.nonce);
  // A block that old cannot be undone, so until then it may yet be that it was paid.
  pending(purchase, await purchase.buy('brief'), ...codes);
  purchase.hits(0);
  await purchase.moved();
  const final = (Number(authorization.validBefore) + FINALITY + 1) * 1000;
  await sleep(final - Date.now());
  await chain.mine();
  // Whoever comes first hears that nothing was paid, and of the price; the next one pays it.
  let answer = await comeBack(purchase, 'brief', {}, ...codes);
  if (answer.status !== 200) {
    assert.equal(purchase.exchanges().at(-1).status, 402, JSON.stringify(answer));
    purchase.hits(0);
    await purchase.moved();
    answer = await comeBack(purchase, 'brief', {}, ...codes);
  }
  assert.equal(answer.status, 200, JSON.stringify(answer));
  assert.equal(answer.body, `the content of ${purchase.cell.id}`);
  purchase.hits(1);
  const [{ transaction }] = await purchase.moved(PRICE);
  purchase.receipt(answer, transaction);
  assert.notEqual(nonceOf(purchase.payments().at(-1).request), authorization.nonce);
}

const permit2 = { scheme: 'permit2', versions: [2] };
const upto = { scheme: 'upto', versions: [2] };
const proven = { road: 'proven', spoils: true };

/** Columns of the table, as in `COLUMNS`. */
export const OWED = [
  { name: 'credit after 500', by: 'all', run: failing('exact/before') },
  { name: 'credit after 500 permit2', by: 'all', ...permit2, run: failing('permit2/before') },
  { name: 'led and failed before', by: 'npm', run: led('exact/before') },
  { name: 'led and failed after', by: 'npm', run: led('exact/after') },
  { name: 'anew after 500 after', by: 'all', run: uncharged('exact/after') },
  { name: 'anew after 500 upto', by: 'all', ...upto, run: uncharged('upto', metered) },
  { name: 'lost answer before', by: 'all', ...proven, run: lost('exact/before') },
  { name: 'lost answer after', by: 'all', ...proven, run: lost('exact/after') },
  { name: 'lost answer permit2', by: 'all', ...proven, ...permit2, run: lost('permit2/before') },
  { name: 'lost answer upto', by: 'all', ...proven, ...upto, run: lost('upto', metered) },
  { name: 'booked late before', by: 'all', ...proven, run: early('exact/before') },
  { name: 'booked late after', by: 'all', ...proven, run: early('exact/after', { hits: 2 }) },
  { name: 'booked late permit2', by: 'all', ...proven, ...permit2, run: early('permit2/before') },
  { name: 'booked late upto', by: 'all', ...proven, ...upto, run: early('upto', { ...metered, hits: 2 }) },
  { name: 'unproven before', by: 'all', spoils: true, run: unproven('exact/before') },
  { name: 'unproven after', by: 'all', spoils: true, run: unproven('exact/after', { hits: 1 }) },
  { name: 'unproven permit2', by: 'all', spoils: true, ...permit2, run: unproven('permit2/before') },
  { name: 'unproven upto', by: 'all', spoils: true, ...upto, run: unproven('upto', { ...metered, hits: 1 }) },
  { name: 'left before', by: 'all', run: left('exact/before') },
  { name: 'left after', by: 'all', run: left('exact/after', { hits: 2 }) },
  { name: 'left permit2', by: 'all', ...permit2, run: left('permit2/before') },
  { name: 'left upto', by: 'all', ...upto, run: left('upto', { ...metered, hits: 2 }) },
  { name: 'cancelled', by: 'npm', ...proven, run: cancelled },
];
