// The matrix as a table: a line for each purchase, a column for each client and version.

const MARKS = { passed: '✓', failed: '✗', missing: '?' };
const marksOf = (cells, outcomes) => cells.map((cell) => MARKS[outcomes.get(cell)] ?? '-').join('');

function printMatrix({ clients, columns, cells, outcomes }) {
  const buyers = clients.flatMap((client) => client.versions.map((version) => ({ client, version })));
  // "@x402/fetch v2" is three lines high, so that twelve of them fit beside each other.
  const heads = buyers.map(({ client, version }) => [...client.name.split(/[ -]|(?<=\/)/), `v${version}`]);
  const depth = Math.max(...heads.map((words) => words.length));
  const lines = Array.from({ length: depth }, (_, at) => ['', ...heads.map((words) => words[at - depth + words.length] ?? '')]);
  const rows = columns.map((column) => [column.name, ...buyers.map(({ client, version }) =>
    marksOf(cells.filter((cell) => cell.column === column && cell.client === client && cell.version === version), outcomes) || '·')]);
  const widths = lines[0].map((_, at) => Math.max(...[...lines, ...rows].map((row) => row[at].length)));
  const line = (row) => row.map((text, at) => text.padEnd(widths[at])).join('  ').trimEnd();
  console.log(`\n${[...lines, ...rows].map(line).join('\n')}\n`);
}

function printExtras({ cells, outcomes }) {
  const extras = new Map();
  for (const cell of cells.filter(({ extra }) => extra !== undefined)) extras.set(cell.extra, [...(extras.get(cell.extra) ?? []), cell]);
  const rows = [...extras.values()].map((list) => [`${list[0].row}, ${list[0].name}`, marksOf(list, outcomes)]);
  const width = Math.max(...rows.map(([title]) => title.length));
  console.log(`${rows.map(([title, marks]) => `${title.padEnd(width)}  ${marks}`).join('\n')}\n`);
}

export function printTables(results) {
  printMatrix(results);
  printExtras(results);
  const all = [...results.outcomes.values()];
  const counted = Object.entries(MARKS).map(([name, mark]) => `${all.filter((one) => one === name).length} ${name} ${mark}`);
  console.log(`${counted.join(', ')}; · is what a client does not do. Two marks: npm facilitator, x402-rs.`);
}
