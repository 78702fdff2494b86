#!/usr/bin/env node
// x402-axios, the client of version 1, unmodified.

import axios from 'axios';
import { createSigner, withPaymentInterceptor } from 'x402-axios';

import { answerOf } from './axios-answer.mjs';
import { drive } from './lines.mjs';

await drive(async ({ url, method, key }) => {
  const api = withPaymentInterceptor(axios.create(), await createSigner('base-sepolia', key));
  return answerOf(api.request({ url, method }));
});
