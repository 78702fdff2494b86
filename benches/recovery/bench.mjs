// bench.mjs MODULE NATIVE: recovery in this Node's V8 and natively. Rounds are interleaved: in
// each, every way recovers the same signatures, so that a busy machine slows all of them.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const [module, native] = process.argv.slice(2);
const NAMES = ['stock', 'lean', 'ours'];
const ROUNDS = 200;
const COUNT = 16;

async function v8() {
  const compiled = await WebAssembly.compile(readFileSync(module));
  const imports = {};
  for (const { module, name } of WebAssembly.Module.imports(compiled)) {
    (imports[module] ??= {})[name] = () => { throw new Error(`${name} was called`); };
  }
  const { exports } = await WebAssembly.instantiate(compiled, imports);
  exports._initialize?.();
  // Until the optimising compiler has replaced everything.
  const sums = NAMES.map((name) => { for (let i = 0; i < 40; i += 1) exports[name](64); return exports[name](COUNT); });
  if (new Set(sums).size !== 1) throw new Error(`not all recover the same: ${sums}`);
  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    rounds.push(NAMES.map((name) => {
      const start = process.hrtime.bigint();
      exports[name](COUNT);
      return Number(process.hrtime.bigint() - start);
    }));
  }
  return rounds;
}

function natively() {
  const lines = execFileSync(native, [String(ROUNDS), String(COUNT)], { encoding: 'utf8' }).trim().split('\n');
  return lines.map((line) => line.split(' ').map(Number));
}

const median = (numbers) => {
  const sorted = numbers.toSorted?.((a, b) => a - b) ?? [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
};

// A fixed generator, so that the same measurements give the same interval.
let state = 1;
const random = (below) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};

// The median over rounds of what a way takes of stock's time in the same round, and the 95 %
// interval of that median by resampling rounds.
function ratio(rounds, way) {
  const ratios = rounds.map((round) => round[way] / round[0]);
  const medians = Array.from({ length: 1000 }, () => median(ratios.map(() => ratios[random(ratios.length)])));
  medians.sort((a, b) => a - b);
  return [median(ratios), medians[25], medians[974]];
}

console.log(`| host | way | µs, median | least | of stock | 95 % |\n|---|---|---|---|---|---|`);
for (const [host, rounds] of [['native', natively()], [`V8 ${process.versions.v8}`, await v8()]]) {
  NAMES.forEach((name, way) => {
    const micros = rounds.map((round) => round[way] / COUNT / 1000);
    const [middle, low, high] = ratio(rounds, way);
    const row = [host, name, median(micros).toFixed(1), Math.min(...micros).toFixed(1), middle.toFixed(3), `${low.toFixed(3)}-${high.toFixed(3)}`];
    console.log(`| ${row.join(' | ')} |`);
  });
}
