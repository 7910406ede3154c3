/** Figures in as few characters as tell them apart. */
import type { Ink } from '../../output/paint.ts';
import type { Cell } from './table.ts';

/** 12345 -> `12.3k`; at most five characters up to a million of millions. */
export function short(value: number): string {
  const units = ['', 'k', 'M', 'G', 'T'];
  let at = 0;
  let left = value;
  while (Math.abs(left) >= 999.5 && at < units.length - 1) {
    left /= 1_000;
    at += 1;
  }
  return `${left.toFixed(at === 0 || Math.abs(left) >= 99.95 ? 0 : 1)}${units[at]}`;
}

/** Bytes as `0`, `512B`, `3.4K`, `12M`, `1.5G`. */
export function bytes(value: number): string {
  if (value < 1_024) return value === 0 ? '0' : `${Math.round(value)}B`;
  const units = ['K', 'M', 'G', 'T'];
  let left = value / 1_024;
  let at = 0;
  while (left >= 999.5 && at < units.length - 1) {
    left /= 1_024;
    at += 1;
  }
  return `${left >= 9.95 ? left.toFixed(0) : left.toFixed(1)}${units[at]}`;
}

/** Milliseconds as `12ms`, `3.4s`, `5m`, `2h`, `12d`. */
export function span(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return '-';
  if (Math.abs(milliseconds) < 1_000) return `${Math.round(milliseconds)}ms`;
  const seconds = milliseconds / 1_000;
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  if (seconds < 120) return `${seconds.toFixed(0)}s`;
  if (seconds < 7_200) return `${(seconds / 60).toFixed(0)}m`;
  return seconds < 172_800 ? `${(seconds / 3_600).toFixed(0)}h` : `${(seconds / 86_400).toFixed(0)}d`;
}

export interface BarStyle {
  readonly busy: string;
  readonly blocked: string;
  readonly idle: string;
}

export const BLOCKS: BarStyle = { busy: '█', blocked: '▒', idle: '·' };
export const ASCII: BarStyle = { busy: '#', blocked: '=', idle: '.' };

/** Shares of time busy and blocked, of ten characters; what is not nothing is seen. */
export function bar(
  { busy, blocked }: { readonly busy: number | undefined; readonly blocked: number | undefined },
  style: BarStyle,
): Cell {
  if (busy === undefined || blocked === undefined) return { text: '-' };
  const width = 10;
  const parts = (share: number): number => (share > 0.005 ? Math.max(1, Math.round(share * width)) : 0);
  const busyParts = Math.min(width, parts(busy));
  const blockedParts = Math.min(width - busyParts, parts(blocked));
  const idle = width - busyParts - blockedParts;
  const text = `${style.busy.repeat(busyParts)}${style.blocked.repeat(blockedParts)}${style.idle.repeat(idle)}`;
  const ink = blocked > 0.5 ? 'yellow' : busy > 0.9 ? 'red' : undefined;
  return { text: `${text} ${String(Math.round(busy * 100)).padStart(3)}%`, ink };
}

const INKS: Readonly<Record<string, Ink>> = {
  running: 'green',
  finished: 'green',
  ended: 'green',
  ready: 'green',
  failed: 'red',
  unreachable: 'red',
  'not placed': 'red',
  restarting: 'yellow',
  degraded: 'yellow',
  starting: 'yellow',
  opening: 'yellow',
  paused: 'yellow',
  waiting: 'yellow',
};

export function state(text: string): Cell {
  return { text, ink: INKS[text] };
}
