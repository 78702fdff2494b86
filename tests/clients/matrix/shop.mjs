// What is for sale, and the configuration that says so.

export const PAY_TO = '0x209693Bc6afc0C5328bA36FaF03C514EF312287C';
export const PRICE = 10_000n;
/** The most a metered offer charges, and what its two ways of metering come to. */
export const MAXIMUM = 50_000n;
export const OVERRIDE = 12_345n;
export const TOKENS = 2_500;
export const RATED = 5_000n;
/** Seconds a payment for `/FACILITATOR/brief` may be valid: the least there is. */
export const BRIEF = 12;
/**
 * Facilitators go silent in some cells, and five silences in a row stop the sale. Such cells buy
 * on lanes, routes whose facilitators nobody else has.
 */
export const LANES = 22;
const BRIEF_LANES = 4;
/** The facilitator nobody reaches. */
export const DEAD = 'dead';
/** Seconds a block of this chain must be old to be final, where the chain is asked. */
export const FINALITY = 1;

const USDC = { network: 'base-sepolia', asset: 'USDC', payTo: PAY_TO };

/** Networks that are quoted because the npm facilitator lists them. */
export const ELSEWHERE = { v1: ['polygon'], v2: ['eip155:137', 'eip155:31337'] };

/** On a network that version 1 has no name for. */
const FOREIGN = {
  network: 'eip155:31337', payTo: PAY_TO,
  asset: { address: '0x5FbDB2315678afecb367f032d93F642f64180aa3', decimals: 6, name: 'Play Dollar', version: '1' },
};

/** Routes of one facilitator, under its name. */
function routesOf(facilitator) {
  const both = (name, offer) => ['before', 'after'].map((settle) => [`${name}/${settle}`, { price: '$0.01', settle, ...offer }]);
  // Whoever pays with a permit of the token's own is on the route `sponsored`.
  const permit2 = { accepts: [{ ...USDC, assetTransferMethod: 'permit2' }], gasSponsoring: 'off' };
  const upto = { settle: 'after', accepts: [{ ...USDC, scheme: 'upto' }], gasSponsoring: 'off' };
  const quantity = { responseHeader: 'x-tokens', default: 1 };
  const before = { price: '$0.01', settle: 'before' };
  const offers = [
    ...both('exact'),
    ['exact/verified', { ...before, verify: 'facilitator' }],
    ['elsewhere', { ...before, accepts: [{ ...USDC, network: 'polygon' }] }],
    ['networks', { price: '$0.01', settle: 'after', accepts: [USDC, { ...USDC, network: 'polygon' }, FOREIGN] }],
    ['guarded', { ...before, facilitators: [`${facilitator}-guarded`] }],
    ['brief', { ...before, maxTimeoutSeconds: BRIEF, facilitators: [`${facilitator}-brief`] }],
    ...both('permit2', permit2),
    ['permit2/verified', { ...before, ...permit2, verify: 'facilitator' }],
    ['sponsored', { ...before, ...permit2, gasSponsoring: 'auto' }],
    ['upto', { ...upto, price: '$0.05' }],
    ['upto-rate', { ...upto, price: { rate: '$0.002', per: 1000, max: '$0.05', quantity } }],
  ];
  for (let lane = 0; facilitator !== DEAD && lane < LANES; lane++) {
    const only = { facilitators: [`${facilitator}-lane${lane}`] };
    offers.push(
      ...both(`lane${lane}/exact`, only),
      ...both(`lane${lane}/permit2`, { ...permit2, ...only }),
      [`lane${lane}/upto`, { ...upto, price: '$0.05', ...only }],
      [`lane${lane}/brief`, { ...before, maxTimeoutSeconds: BRIEF + 4, facilitators: [`${facilitator}-brief${lane % BRIEF_LANES}`] }],
    );
  }
  return offers.map(([path, offer]) => ({
    name: `${facilitator}-${path.replaceAll('/', '-')}`,
    match: { path: `/${facilitator}/${path}` },
    offer: { facilitators: [facilitator], description: 'A cell of the matrix', mimeType: 'text/plain', ...offer },
  }));
}

/** With `node` the chain is asked what became of a settlement. */
export function pluginConfig({ origin, facilitators, node }) {
  const settler = (cluster, timeout) => ({ cluster, authority: cluster, timeout });
  const each = (count, name, timeout) => Object.fromEntries(facilitators.filter((one) => one !== DEAD).flatMap((facilitator) =>
    Array.from({ length: count }, (_, at) => [`${facilitator}${name}${at}`, settler(facilitator, timeout)])));
  return {
    version: 1,
    origin,
    unmatched: 'deny',
    facilitators: {
      ...Object.fromEntries(facilitators.flatMap((name) =>
        [[name, settler(name, '20s')], [`${name}-guarded`, settler(name, '20s')], [`${name}-brief`, settler(name, '1s')]])),
      ...each(LANES, '-lane', '20s'),
      ...each(BRIEF_LANES, '-brief', '5s'),
    },
    accepts: [USDC],
    ...(node && { rpc: { [USDC.network]: { cluster: 'node', authority: 'node', finality: `${FINALITY}s` } } }),
    // All come from one address here, forgers among them.
    limit: { walletChecks: { perMinute: 6000, burst: 200 } },
    routes: facilitators.flatMap((name) => routesOf(name)),
  };
}
