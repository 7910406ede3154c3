/** What `run` says when it has ended: rows, time, what was written, what was left out. */
import type { Summary } from '../engine/runtime/deployment.ts';
import { count, duration } from './figures.ts';
import { paint } from './paint.ts';

export function summaryText(summary: Summary, color: boolean): string {
  const { metrics } = summary;
  const rate = metrics.elapsed > 0 ? ` (${count(Math.round(metrics.rowsIn / metrics.elapsed))} rows/s)` : '';
  const how = summary.stopped ? 'stopped and drained' : 'done';
  const lines = [
    `${paint(how, 'green', color)}: ${summary.name}: ${count(metrics.rowsIn)} rows in, ${count(metrics.rowsOut)} out in ${duration(metrics.elapsed)}${rate}`,
    ...leftOut(summary).map((text) => paint(text, 'yellow', color)),
    ...summary.sinks.flatMap((sink) => sink.wrote.map((path) => `wrote ${path}: ${count(sink.rows)} rows`)),
  ];
  return `${lines.join('\n')}\n`;
}

/** Rows that did not take the main way, by the node that counted them. */
function leftOut({ metrics }: Summary): string[] {
  return metrics.nodes.flatMap((node) => [
    ...(node.late > 0 ? [`${node.name}: ${count(node.late)} late`] : []),
    ...(node.errors > 0 ? [`${node.name}: ${count(node.errors)} rows in error`] : []),
    ...(node.skipped > 0 ? [`${node.name}: ${count(node.skipped)} bad rows skipped`] : []),
    ...(node.diverted > 0 ? [`${node.name}: ${count(node.diverted)} bad rows diverted`] : []),
  ]);
}
