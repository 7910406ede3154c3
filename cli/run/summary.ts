/** What `run` says when it has ended: rows, time, what was written, what was left out. */
import { isAbsolute, join, relative } from 'node:path';
import type { SinkSummary, Summary } from '../../engine/runtime/run/deployment.ts';
import { count, duration } from '../output/figures.ts';
import { paint } from '../output/paint.ts';

/** `directory`: the graph's, from which files count. */
export function summaryText(summary: Summary, directory: string, color: boolean): string {
  const { metrics } = summary;
  // Rows are counted over all runs that went on from each other, time is not.
  const rate =
    metrics.elapsed > 0 && summary.restoredFrom === undefined
      ? ` (${count(Math.round(metrics.rowsIn / metrics.elapsed))} rows/s)`
      : '';
  const left = summary.leftOffAt === undefined ? 'stopped and drained' : `stopped at checkpoint ${summary.leftOffAt}`;
  const how = summary.stopped ? left : 'done';
  const lines = [
    `${paint(how, 'green', color)}: ${summary.name}: ${count(metrics.rowsIn)} rows in, ${count(metrics.rowsOut)} out in ${duration(metrics.elapsed)}${rate}`,
    ...leftOut(summary).map((text) => paint(text, 'yellow', color)),
    ...summary.sinks.filter((sink) => sink.wrote.length > 0).map((sink) => wroteText(sink, directory)),
  ];
  return `${lines.join('\n')}\n`;
}

/** Paths as the shell would take them here. */
function wroteText({ wrote, more, rows }: SinkSummary, directory: string): string {
  const paths = wrote.map((path) => {
    if (isAbsolute(path) || /^[a-z]+:\/\//.test(path)) return path;
    return relative(process.cwd(), join(directory, path));
  });
  return `wrote ${paths.join(', ')}${more === undefined ? '' : ` and ${more} more`}: ${count(rows)} rows`;
}

/** Rows that did not take the main way, by the node that counted them. */
function leftOut({ metrics }: Summary): string[] {
  return metrics.nodes.flatMap((node) => [
    ...(node.late > 0 ? [`${node.name}: ${count(node.late)} late`] : []),
    ...(node.errors > 0 ? [`${node.name}: ${count(node.errors)} rows in error`] : []),
    ...(node.skipped > 0 ? [`${node.name}: ${count(node.skipped)} bad rows skipped`] : []),
    ...(node.evicted > 0 ? [`${node.name}: ${count(node.evicted)} groups put out early, at its memory limit`] : []),
    ...(node.diverted > 0 ? [`${node.name}: ${count(node.diverted)} bad rows diverted`] : []),
  ]);
}
