#!/usr/bin/env node
// @x402/axios, unmodified.

import { wrapAxiosWithPayment, x402Client } from '@x402/axios';
import axios from 'axios';

import { answerOf } from './axios-answer.mjs';
import { drive } from './lines.mjs';
import { withEvm } from './v2.mjs';

await drive(({ url, method, ...payer }) => {
  const api = wrapAxiosWithPayment(axios.create(), withEvm(new x402Client(), payer));
  return answerOf(api.request({ url, method }));
});
