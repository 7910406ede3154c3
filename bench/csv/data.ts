/** The csv file that the benchmark reads, the graph that reads it, and the same question as SQL. */
import { closeSync, openSync, writeSync } from 'node:fs';

const MACHINES = 100;
const START = Date.UTC(2024, 0, 1);
const STEP_MS = 10;
const PIECE = 1 << 20;

/** Rows of about 50 bytes: a key, an ISO time, a decimal, a counter; in order but for a jitter of a second. */
export function writeData(path: string, rows: number): void {
  const file = openSync(path, 'w');
  let text = 'machine,at,temperature,count\n';
  let state = 1;
  for (let i = 0; i < rows; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const at = new Date(START + i * STEP_MS + (state % 1000)).toISOString();
    text += `machine-${(state >>> 8) % MACHINES},${at},${(((state >>> 4) % 60_000) / 1000 - 10).toFixed(3)},${i}\n`;
    if (text.length >= PIECE) {
      writeSync(file, text);
      text = '';
    }
  }
  writeSync(file, text);
  closeSync(file);
}

export function graphOf(input: string, output: string): string {
  return `apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: csv-bench }
spec:
  sources:
    readings:
      file: { path: ${JSON.stringify(input)} }
      schema: { machine: utf8, at: "timestamp[ms]", temperature: float64, count: int64 }
      time: { column: at, maxDelay: 1s }
  operators:
    minutes:
      from: readings
      filter: "temperature > 20"
      window: { tumbling: 10m }
      groupBy: [machine]
      aggregate: { readings: count(*), mean: avg(temperature), peak: max(temperature) }
  sinks:
    out: { from: minutes, file: { path: ${JSON.stringify(output)} } }
`;
}
