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

const USDC = { network: 'base-sepolia', asset: 'USDC', payTo: PAY_TO };

/** Networks that are quoted because the npm facilitator lists them. */
export const ELSEWHERE = { v1: ['polygon'], v2: ['eip155:137', 'eip155:31337'] };

/** On a network that version 1 has no name for. */
const FOREIGN = {
  network: 'eip155:31337', payTo: PAY_TO,
  asset: { address: '0x5FbDB2315678afecb367f032d93F642f64180aa3', decimals: 6, name: 'Play Dollar', version: '1' },
};

/** Routes of one facilitator, under its name. */
function routesOf(facilitator, features) {
  const brief = `${facilitator}-brief`;
  const unsponsored = features.has('sponsored') ? { gasSponsoring: 'off' } : {};
  const both = (name, offer) => ['before', 'after'].map((settle) => [`${name}/${settle}`, { price: '$0.01', settle, ...offer }]);
  const offers = [
    ...both('exact'),
    ['exact/verified', { price: '$0.01', settle: 'before', verify: 'facilitator' }],
    ['elsewhere', { price: '$0.01', settle: 'before', accepts: [{ ...USDC, network: 'polygon' }] }],
    ['networks', { price: '$0.01', settle: 'after', accepts: [USDC, { ...USDC, network: 'polygon' }, FOREIGN] }],
    ['guarded', { price: '$0.01', settle: 'before', facilitators: [`${facilitator}-guarded`] }],
    ['brief', { price: '$0.01', settle: 'before', maxTimeoutSeconds: BRIEF, facilitators: [brief] }],
  ];
  if (features.has('permit2')) {
    const accepts = [{ ...USDC, assetTransferMethod: 'permit2' }];
    offers.push(
      ...both('permit2', { accepts, ...unsponsored }),
      ['permit2/verified', { price: '$0.01', settle: 'before', verify: 'facilitator', accepts, ...unsponsored }],
    );
  }
  if (features.has('sponsored')) {
    const accepts = [{ ...USDC, assetTransferMethod: 'permit2' }];
    offers.push(['sponsored', { price: '$0.01', settle: 'before', gasSponsoring: 'auto', accepts }]);
  }
  if (features.has('upto')) {
    const accepts = [{ ...USDC, scheme: 'upto' }];
    const quantity = { responseHeader: 'x-tokens', default: 1 };
    offers.push(
      ['upto', { price: '$0.05', settle: 'after', accepts, ...unsponsored }],
      ['upto-rate', { price: { rate: '$0.002', per: 1000, max: '$0.05', quantity }, settle: 'after', accepts, ...unsponsored }],
    );
  }
  return offers.map(([path, offer]) => ({
    name: `${facilitator}-${path.replace('/', '-')}`,
    match: { path: `/${facilitator}/${path}` },
    offer: { facilitators: [facilitator], description: 'A cell of the matrix', mimeType: 'text/plain', ...offer },
  }));
}

export function pluginConfig({ origin, features, facilitators }) {
  const settler = (cluster, timeout) => ({ cluster, authority: cluster, timeout });
  return {
    version: 1,
    origin,
    unmatched: 'deny',
    facilitators: Object.fromEntries(facilitators.flatMap((name) =>
      [[name, settler(name, '20s')], [`${name}-guarded`, settler(name, '20s')], [`${name}-brief`, settler(name, '1s')]])),
    accepts: [USDC],
    // All come from one address here, forgers among them.
    ...(features.has('wallets') && { limit: { walletChecks: { perMinute: 6000, burst: 200 } } }),
    routes: facilitators.flatMap((name) => routesOf(name, features)),
  };
}
