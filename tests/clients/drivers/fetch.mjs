#!/usr/bin/env node
// @x402/fetch, unmodified.

import { wrapFetchWithPayment, x402Client } from '@x402/fetch';

import { drive, receiptOf } from './lines.mjs';
import { withEvm } from './v2.mjs';

await drive(async ({ url, method, ...payer }) => {
  const pay = wrapFetchWithPayment(fetch, withEvm(new x402Client(), payer));
  const response = await pay(url, { method });
  return { status: response.status, body: await response.text(), receipt: receiptOf((name) => response.headers.get(name)) };
});
