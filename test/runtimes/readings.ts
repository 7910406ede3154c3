/** Real readings, and chains of declared operators over them: texts, decimals, mathematics, rows that fail. */
import { readFileSync } from 'node:fs';
import type { Schema, Value } from '../../engine/batch/types.ts';
import type { Event, OperatorText } from '../kit/chains.ts';
import { sharedData } from '../kit/shared-data.ts';
import { build } from '../kit/tables.ts';

export const READINGS: Schema = {
  fields: [
    { name: 'at', type: { kind: 'timestamp', unit: 'ms' }, nullable: false },
    { name: 'series', type: { kind: 'utf8' }, nullable: true },
    { name: 'value', type: { kind: 'float64' }, nullable: true },
    { name: 'text', type: { kind: 'utf8' }, nullable: true },
  ],
  time: 0,
};

const FILES = [
  'ec2_cpu_utilization_24ae8d',
  'ec2_cpu_utilization_825cc2',
  'elb_request_count_8c0756',
  'grok_asg_anomaly',
];
const BATCH_ROWS = 500;
const HOUR = 3_600_000_000n;

/** Real readings of several machines, in order of time, a watermark behind each batch; some rows come late, and some have no value. */
export function readings(): Event[] {
  const rows = FILES.flatMap((name) =>
    readFileSync(sharedData(`sensors/nab/data/realAWSCloudwatch/${name}.csv`), 'utf8')
      .trim()
      .split(/\r?\n/)
      .slice(1)
      .map((line, index): Value[] => {
        const [time = '', text = ''] = line.split(',');
        const at = BigInt(Date.parse(`${time.replace(' ', 'T')}Z`));
        return [at - (index % 97 === 0 ? 86_400_000n : 0n), name, index % 31 === 0 ? null : Number(text), text];
      }),
  );
  rows.sort((a, b) => Number(a[0]) - Number(b[0]));
  const events: Event[] = [];
  for (let from = 0; from < rows.length; from += BATCH_ROWS) {
    const some = rows.slice(from, from + BATCH_ROWS);
    events.push({ batch: build(READINGS, some) }, { watermark: BigInt(Number(some.at(-1)?.[0] ?? 0n)) * 1000n - HOUR });
  }
  return [...events, 'end'];
}

const day = (aggregate: Record<string, string>, groupBy: Record<string, string>): OperatorText => {
  return { window: 24n * HOUR, groupBy, aggregate, late: 'divert', onError: 'skip' };
};

export const CHAINS: Readonly<Record<string, readonly OperatorText[]>> = {
  'sums and extremes by series': [
    day(
      {
        n: 'count(*)',
        seen: 'count(value)',
        total: 'sum(value)',
        mean: 'avg(value)',
        least: 'min(value)',
        most: 'max(value)',
      },
      { series: 'series' },
    ),
  ],
  'texts: patterns, parts, extremes of texts that grow': [
    { filter: "series LIKE '%cpu%' OR text ILIKE '4%'" },
    day(
      { first: "min(reverse(text) || '/' || lpad(text, 40, 'ab'))", last: 'max(upper(series) || text)' },
      { machine: "split_part(series, '_', 1)", size: 'length(text)' },
    ),
    { select: { window_start: 'window_start', key: "concat_ws('|', machine, size, first)", last: 'left(last, 30)' } },
  ],
  'decimals: rounded, cut, printed, read again': [
    { select: { at: 'at', series: 'series', tenth: 'round(value, 1)', cut: 'trunc(value, 2)', read: 'text::float8' } },
    day(
      { total: 'sum(tenth)', most: 'max(cut::text)', least: 'min((read / 3)::text)' },
      { tenth: '(tenth * 10)::bigint % 7' },
    ),
  ],
  'mathematics: powers, logarithms, circles': [
    {
      select: {
        at: 'at',
        series: 'series',
        e: 'exp(-value / 50)',
        s: 'sin(value) * cos(value / 3)',
        l: 'ln(value + 1)',
        p: '(value + 1) ^ 1.37',
      },
      onError: 'skip',
    },
    day({ e: 'sum(e)', s: 'avg(s)', l: 'max(atan2(l, s))', p: 'min(atan(p / 100) + cbrt(p))' }, { series: 'series' }),
    { select: { window_end: 'window_end', series: 'series', all: 'e + s + l + p', text: '(e / p)::text' } },
  ],
  'rows that fail': [
    { select: { at: 'at', series: 'series', inverse: '1 / (value::integer % 5)' }, onError: 'skip' },
    day({ total: 'sum(inverse)', n: 'count(*)' }, { series: 'series', weekday: 'extract(dow FROM at)::integer' }),
  ],
  'no aggregate: times and texts': [
    {
      filter: 'value > 40',
      select: { at: 'at', hour: "date_trunc('hour', at)", text: "at::text || ' ' || value::text" },
    },
  ],
};
