// The matrix as a table: a row for each client and version, a column for each purchase.

const MARKS = { passed: '✓', failed: '✗', pending: '…', missing: '?' };

function printMatrix({ clients, columns, cells, outcomes }) {
  const rows = clients.flatMap((client) => client.versions.map((version) => {
    const of = cells.filter((cell) => cell.client === client && cell.version === version);
    const marks = columns.map((column) => of.filter((cell) => cell.column === column)
      .map((cell) => MARKS[outcomes.get(cell)] ?? '-').join('') || '·');
    return [`${client.name} v${version}`, ...marks];
  }));
  const heads = columns.map(({ name }) => name.split(' '));
  const depth = Math.max(...heads.map((words) => words.length));
  const lines = Array.from({ length: depth }, (_, at) => ['', ...heads.map((words) => words[at] ?? '')]);
  const widths = lines[0].map((_, at) => Math.max(...[...lines, ...rows].map((row) => row[at].length)));
  const line = (row) => row.map((text, at) => text.padEnd(widths[at])).join('  ').trimEnd();
  console.log(`\n${[...lines, ...rows].map(line).join('\n')}\n`);
}

function printExtras({ cells, outcomes }) {
  const extras = new Map();
  for (const cell of cells.filter(({ extra }) => extra !== undefined)) {
    if (!extras.has(cell.extra)) extras.set(cell.extra, { title: `${cell.row}, ${cell.name}`, marks: '' });
    extras.get(cell.extra).marks += MARKS[outcomes.get(cell)] ?? '-';
  }
  const width = Math.max(...[...extras.values()].map(({ title }) => title.length));
  for (const { title, marks } of extras.values()) console.log(`${title.padEnd(width)}  ${marks}`);
  console.log('');
}

export function printTables({ clients, columns, cells, outcomes }) {
  printMatrix({ clients, columns, cells, outcomes });
  printExtras({ cells, outcomes });
  const counted = Object.keys(MARKS).map((name) => `${[...outcomes.values()].filter((one) => one === name).length} ${name} ${MARKS[name]}`);
  console.log(`${counted.join(', ')}; · is what a client does not do. Two marks: npm facilitator, x402-rs.`);
}
