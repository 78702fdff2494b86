#!/usr/bin/env node
// x402-fetch, the client of version 1, unmodified.

import { createSigner, wrapFetchWithPayment } from 'x402-fetch';

import { drive, receiptOf } from './lines.mjs';

await drive(async ({ url, method, key }) => {
  const pay = wrapFetchWithPayment(fetch, await createSigner('base-sepolia', key));
  const response = await pay(url, { method });
  return { status: response.status, body: await response.text(), receipt: receiptOf((name) => response.headers.get(name)) };
});
