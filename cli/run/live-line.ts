/**
 * The line that `run` keeps redrawing on a terminal: rows in and out, rate, how far the watermark is behind the newest row, late rows,
 * memory.
 */
import process from 'node:process';
import type { MetricsSnapshot } from '../../engine/metrics/snapshot.ts';
import { count, duration, mebibytes } from '../output/figures.ts';
import { paint } from '../output/paint.ts';
import type { Terminal } from '../output/terminal.ts';

const REDRAW_MS = 250;
const CLEAR_LINE = '\r\u001b[K';

export class LiveLine {
  readonly #terminal: Terminal;
  readonly #metrics: () => MetricsSnapshot;
  #timer: NodeJS.Timeout | undefined;
  #drawn = false;

  constructor(terminal: Terminal, metrics: () => MetricsSnapshot) {
    this.#terminal = terminal;
    this.#metrics = metrics;
  }

  start(): void {
    if (!this.#terminal.live) return;
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS);
    this.#timer.unref();
  }

  /** Takes the line away, so that other text can be written where it stood; it comes back by itself. */
  clear(): void {
    if (this.#drawn) this.#terminal.err(CLEAR_LINE);
    this.#drawn = false;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.clear();
  }

  #draw(): void {
    const text = liveText(this.#metrics(), process.memoryUsage.rss()).slice(0, this.#terminal.width - 1);
    this.#terminal.err(`${CLEAR_LINE}${paint(text, 'dim', this.#terminal.errColor)}`);
    this.#drawn = true;
  }
}

/** `rss` in bytes. */
function liveText(metrics: MetricsSnapshot, rss: number): string {
  const parts = [
    `in ${count(metrics.rowsIn)}`,
    `out ${count(metrics.rowsOut)}`,
    `${count(Math.round(metrics.rowsPerSecond))} rows/s`,
    metrics.lag === null ? 'no watermark' : `watermark ${duration(metrics.lag / 1000)} ago`,
    `late ${count(metrics.late)}`,
    `${mebibytes(rss)} MiB`,
  ];
  if (metrics.bad + metrics.errors > 0) parts.splice(5, 0, `bad ${count(metrics.bad + metrics.errors)}`);
  return parts.join('  ');
}
