/** What a campaign of moves amounts to, in words. */
import { quantile } from '../../bench/harness.ts';
import type { Move } from './campaign.ts';
import { MOMENTS } from './moments.ts';

/** A line for each moment at which moves were asked for, and one for all. */
export function reportOf(moves: readonly Move[]): string {
  const head = ['asked for', 'moves', 'adopted', 'carried', 'bytes', 'pause p50', 'p99', 'total p50', 'p99'];
  const rows = MOMENTS.map((moment) => [moment, moves.filter((move) => move.moment === moment)] as const);
  const lines = [...rows, ['all', moves] as const].flatMap(([name, some]) =>
    some.length === 0 ? [] : [line(name, some)],
  );
  return [head, ...lines]
    .map(([first = '', ...rest]) => first.padEnd(12) + rest.map((cell) => cell.padStart(13)).join(''))
    .join('\n');
}

function line(name: string, moves: readonly Move[]): readonly string[] {
  const sum = (of: (move: Move) => number): string => String(moves.reduce((total, move) => total + of(move), 0));
  const at = (of: (move: Move) => number, share: number): string => {
    const values = moves.map(of).toSorted((a, b) => a - b);
    return `${quantile(values, share).toFixed(1)} ms`;
  };
  const pause = (move: Move): number => move.pause;
  const total = (move: Move): number => move.total;
  const counts = [sum(({ adopted }) => adopted), sum(({ carried }) => carried), sum(({ bytes }) => bytes)];
  return [name, String(moves.length), ...counts, at(pause, 0.5), at(pause, 0.99), at(total, 0.5), at(total, 0.99)];
}
