/** The part of docs/metrics.md that the table of metrics tells. `node tools/reference.ts` writes it. */
import { LABELS, METRICS, type MetricDefinition, type MetricSubject } from './table.ts';

const BEGIN = '<!-- begin: written by node tools/reference.ts -->';
const END = '<!-- end -->';

const SUBJECTS: readonly (readonly [title: string, ...of: MetricSubject[]])[] = [
  ['Sources, cells and sinks', 'node', 'node and run'],
  ['Operators of a cell', 'operator'],
  ['Channels', 'channel'],
  ['Fragments', 'fragment'],
  ['Regions', 'region'],
  ['Journals and logs of durable channels', 'log'],
  ['Pools of `cloudskin run`, of its main thread; of agents and `task serve`, of each thread that runs cells', 'pool'],
  ['Tasks that agents and `task serve` serve; waiting and running times are in `task list`', 'task'],
  ['Agents', 'agent'],
];

/** The document with what lies between its marks, written anew. */
export function withMetrics(document: string): string {
  const from = document.indexOf(BEGIN);
  const to = document.indexOf(END);
  if (from === -1 || to < from) throw new Error(`the document has no ${BEGIN} before an ${END}`);
  return `${document.slice(0, from)}${BEGIN}\n\n${reference()}\n\n${document.slice(to)}`;
}

function reference(): string {
  const series = SUBJECTS.map(([title, ...of]) => `### ${title}\n\n${labels(of)}\n\n${exposed(of)}`);
  return [...series, `### In snapshots\n\n${snapshots()}`].join('\n\n');
}

function labels([of]: readonly MetricSubject[]): string {
  const names = of === undefined ? [] : LABELS[of];
  return `Labels: ${names.map((name) => `\`${name}\``).join(', ')}.`;
}

function exposed(of: readonly MetricSubject[]): string {
  const rows = METRICS.flatMap(({ of: subject, exposed: how, meaning }) =>
    how === undefined || !of.includes(subject) ? [] : [`| \`${how.name}\` | ${how.kind} | ${meaning} |`],
  );
  return ['| Name | Kind | Meaning |', '|---|---|---|', ...rows].join('\n');
}

function snapshots(): string {
  const all = METRICS.filter(({ of }) => of === 'node' || of === 'run' || of === 'node and run');
  return ['| Name | Of | Unit | Meaning |', '|---|---|---|---|', ...all.map(row)].join('\n');
}

function row({ name, of, unit, meaning }: MetricDefinition): string {
  return `| \`${name}\` | ${of} | ${unit} | ${meaning} |`;
}
