// axios throws what is not 2xx; to the application both are answers.

import { receiptOf } from './lines.mjs';

export async function answerOf(request) {
  const { status, data, headers } = await request.catch((error) => {
    if (error.response === undefined) throw error;
    return error.response;
  });
  const body = typeof data === 'string' ? data : JSON.stringify(data);
  return { status, body, receipt: receiptOf((name) => headers[name]) };
}
