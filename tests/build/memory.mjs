// memory.mjs MODULE: by how many bytes a sandbox's memory has grown once the module has read a
// configuration of ten thousand routes, and for how long it read. A sandbox's memory never
// shrinks, so that this is what each worker keeps; it is a multiple of 64 KiB.
//
// The host is this file: it hands over the configuration and answers what starting asks. Prints
// TOML: `one_offer`, every route with the same offer; `own_offers`, each with a price and a
// description of its own, written inline. The time is a comment: it is this machine's.
import { readFileSync } from 'node:fs';

const ROUTES = 10_000;
const [OK, NOT_FOUND, CAS_MISMATCH] = [0, 1, 8];

/** What `benches/src/policy.rs` makes, with `offer` for each route. */
function policy(count, offer) {
  const routes = [{ name: 'free', match: { path: '/free/{id}' }, free: true }];
  for (let number = 1; number < count; number++) {
    const path = `/service-${number % 100}/resource-${Math.floor(number / 100)}/{id}`;
    routes.push({ name: `more-${number}`, match: { path }, offer: offer(number) });
  }
  return JSON.stringify({
    version: 1,
    origin: 'https://api.example.com',
    unmatched: 'free',
    settle: 'before',
    facilitators: { main: { cluster: 'facilitator', authority: 'facilitator' } },
    accepts: [{ network: 'base-sepolia', asset: 'USDC', payTo: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' }],
    offers: { item: { price: '$0.001', description: 'One item' } },
    routes,
  });
}

const own = (number) => ({
  price: `$0.${String(number).padStart(6, '0')}`,
  description: `Resource ${Math.floor(number / 100)} of service ${number % 100}`,
});

/** Starts the module and configures it; gives the bytes its memory grew by and milliseconds. */
async function configure(module, text) {
  const bytes = Buffer.from(text);
  const shared = new Map();
  let exports;
  let swaps = 0;
  const view = () => new DataView(exports.memory.buffer);
  const read = (at, length) => Buffer.from(new Uint8Array(exports.memory.buffer, at, length));
  const give = (value, at, length) => {
    const to = exports.proxy_on_memory_allocate(value.length);
    new Uint8Array(exports.memory.buffer).set(value, to);
    view().setUint32(at, to, true);
    view().setUint32(length, value.length, true);
    return OK;
  };
  const says = {
    proxy_log: (_level, at, length) => (console.error(read(at, length).toString()), OK),
    proxy_get_buffer_bytes: (_type, _from, _most, at, length) => give(bytes, at, length),
    proxy_get_shared_data(at, length, to, size, cas) {
      const entry = shared.get(read(at, length).toString());
      if (!entry) return NOT_FOUND;
      view().setUint32(cas, entry.cas, true);
      return give(entry.value, to, size);
    },
    proxy_set_shared_data(at, length, value, size, cas) {
      const key = read(at, length).toString();
      if (cas && shared.get(key)?.cas !== cas) return CAS_MISMATCH;
      shared.set(key, { value: read(value, size), cas: ++swaps });
      return OK;
    },
    proxy_register_shared_queue: (_at, _length, id) => (view().setUint32(id, 1, true), OK),
    proxy_define_metric: (_type, _at, _length, id) => (view().setUint32(id, 1, true), OK),
    proxy_get_current_time_nanoseconds: (at) => (view().setBigUint64(at, 1_800_000_000n * 1_000_000_000n, true), OK),
    environ_sizes_get: (count, size) => (view().setUint32(count, 0, true), view().setUint32(size, 0, true), OK),
    random_get: (at, length) => (new Uint8Array(exports.memory.buffer, at, length).fill(7), OK),
  };
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    (imports[from] ??= {})[name] = says[name] ?? (() => OK);
  }
  ({ exports } = await WebAssembly.instantiate(module, imports));
  exports._initialize();
  exports.proxy_on_context_create(1, 0);
  exports.proxy_on_vm_start(1, 0);
  const before = exports.memory.buffer.byteLength;
  const begun = performance.now();
  if (!exports.proxy_on_configure(1, bytes.length)) throw new Error('the configuration was refused');
  return { grown: exports.memory.buffer.byteLength - before, took: performance.now() - begun };
}

const module = await WebAssembly.compile(readFileSync(process.argv[2]));
console.log('[memory]');
for (const [name, offer] of [['one_offer', () => 'item'], ['own_offers', own]]) {
  const { grown, took } = await configure(module, policy(ROUTES, offer));
  console.log(`${name} = ${grown} # ${took.toFixed(0)} ms`);
}
