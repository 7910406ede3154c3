/** What one writes in plain Node: csv-parse and a Map. `node csv-parse.ts INPUT OUTPUT`. */
import { createReadStream, writeFileSync } from 'node:fs';
import { parse } from 'csv-parse';

const WINDOW_MS = 600_000;
const [input = '', output = ''] = process.argv.slice(2);

interface Group {
  readonly start: number;
  readonly machine: string;
  count: number;
  sum: number;
  peak: number;
}

const groups = new Map<string, Group>();
const records = createReadStream(input).pipe(parse({ from_line: 2 }));
for await (const [machine, at, temperature] of records as AsyncIterable<[string, string, string, string]>) {
  const value = Number(temperature);
  if (value <= 20) continue;
  const start = Math.floor(Date.parse(at) / WINDOW_MS) * WINDOW_MS;
  const key = `${start} ${machine}`;
  const group = groups.get(key) ?? { start, machine, count: 0, sum: 0, peak: Number.NEGATIVE_INFINITY };
  if (group.count === 0) groups.set(key, group);
  group.count += 1;
  group.sum += value;
  group.peak = Math.max(group.peak, value);
}
const lines = [...groups.values()].map(
  ({ start, machine, count, sum, peak }) =>
    `${new Date(start).toISOString()},${machine},${count},${sum / count},${peak}`,
);
writeFileSync(output, `window_start,machine,readings,mean,peak\n${lines.join('\n')}\n`);
