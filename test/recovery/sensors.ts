/**
 * Real sensor data for runs that are killed: all open series of the Numenta Anomaly Benchmark, one after the other in time, keyed by series; and a graph over
 * them, read at an edge and summed up in the cloud.
 */
import { readFileSync } from 'node:fs';
import { sharedData } from '../kit/shared-data.ts';

/** Names of the series that may be used, as MANIFEST.tsv says. */
export function openSeries(): string[] {
  const lines = readFileSync(sharedData('MANIFEST.tsv'), 'utf8').trim().split('\n');
  const [head = '', ...rest] = lines;
  const use = head.split('\t').indexOf('use');
  const mine = rest.map((line) => line.split('\t')).filter(([file = '']) => /^sensors\/nab\/data\/.+\.csv$/.test(file));
  return mine.filter((fields) => fields[use]?.startsWith('test input')).map(([file = '']) => file);
}

/**
 * All readings as CSV, each series from its own beginning, so that all flow at once. `at`, one second a row, paces them evenly;
 * `measured` is the sensor's own time.
 */
export function mergedReadings(): { readonly csv: string; readonly rows: number; readonly series: number } {
  const series = openSeries();
  const rows = series.flatMap((file) => {
    const name = file.replace(/^.*\//, '').replace('.csv', '');
    const lines = readFileSync(sharedData(file), 'utf8').trim().split(/\r?\n/).slice(1);
    const times = lines.map((line) => Date.parse(`${line.slice(0, 19).replace(' ', 'T')}Z`));
    return lines.map((line, index) => ({
      since: (times[index] ?? 0) - (times[0] ?? 0),
      row: `${line.slice(0, 19)},${name},${line.slice(line.indexOf(',') + 1)}`,
    }));
  });
  rows.sort((a, b) => a.since - b.since);
  const start = Date.UTC(2014, 0, 1);
  const at = (index: number): string => new Date(start + index * 1000).toISOString().slice(0, 19);
  const lines = rows.map(({ row }, index) => `${at(index)},${row}`);
  return { csv: `at,measured,series,value\n${lines.join('\n')}\n`, rows: rows.length, series: series.length };
}

/** `sink`: the sink's connector with its options, as YAML; `speed`: of event time. */
export function sensorGraph(name: string, sink: string, speed: string): string {
  return `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: ${name} }
spec:
  sources:
    readings:
      file: { path: readings.csv }
      schema: { at: "timestamp[s]", measured: utf8, series: utf8, value: float64 }
      time: { column: at }
      speed: ${speed}
  operators:
    labelled: { from: readings, with: { high: CASE WHEN value > 50 THEN 1 END } }
    windows:
      from: labelled
      window: { tumbling: 5m }
      groupBy: [series]
      aggregate: { rows: count(*), mean: avg(value), lo: min(value), hi: max(value), last: max(at), highs: count(high) }
  sinks:
    out: { from: windows, ${sink} }
  placement: { readings: { site: plant }, labelled: { site: plant }, windows: { site: hub }, out: { site: hub } }
  checkpoint: { every: 200ms }
`;
}
