/**
 * What connectors go on trying: told when it begins, while it lasts at intervals that grow, and when it is over; and kept, so that figures
 * and status can be asked for it at any time.
 */
import { harmless } from '../errors.ts';
import type { Trouble } from '../graph/connector.ts';
import type { NodeTrouble } from '../metrics/snapshot.ts';
import type { Ports, Timer } from '../ports.ts';

/** Milliseconds from the first word of a trouble to the next, doubled from word to word up to the longest. */
const FIRST_WORD = 5_000;
const LONGEST_SILENCE = 60_000;

/** `node`: `sink totals`. */
export type TroubleListener = (node: string, message: string, isOver: boolean) => void;

interface Lasting extends Trouble {
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly attempts: number;
  readonly silence: number;
  readonly timer: Timer;
}

export class Troubles {
  readonly #ports: Ports;
  readonly #listener: TroubleListener | undefined;
  readonly #lasting = new Map<string, Lasting>();
  /** Attempts that failed, by node, since the run began. */
  readonly #failures = new Map<string, number>();
  #closed = false;

  constructor(ports: Ports, listener: TroubleListener | undefined) {
    this.#ports = ports;
    this.#listener = listener;
  }

  /** What a connector of `node` calls after each attempt that failed, and with undefined when one has succeeded. */
  reporter(node: string): (trouble: Trouble | undefined) => void {
    return (trouble) => {
      if (this.#closed) return;
      if (trouble === undefined) this.#over(node);
      else this.#failed(node, trouble);
    };
  }

  /** What lasts now. */
  get all(): readonly NodeTrouble[] {
    return [...this.#lasting].map(([node, { server, reason, since, attempts, limit }]) => {
      return { node, server, reason, since, attempts, limit: limit ?? null };
    });
  }

  /** How many attempts of a node failed, and whether it goes on trying. */
  figuresOf(node: string): { readonly retries: number; readonly troubled: boolean } {
    return { retries: this.#failures.get(node) ?? 0, troubled: this.#lasting.has(node) };
  }

  /** Nothing is tried any more. */
  close(): void {
    this.#closed = true;
    for (const { timer } of this.#lasting.values()) timer.cancel();
    this.#lasting.clear();
  }

  #failed(node: string, failed: Trouble): void {
    const trouble = { ...failed, reason: harmless(failed.reason) };
    this.#failures.set(node, (this.#failures.get(node) ?? 0) + 1);
    const known = this.#lasting.get(node);
    if (known !== undefined) {
      this.#lasting.set(node, { ...known, ...trouble, attempts: known.attempts + 1 });
      return;
    }
    const timer = this.#later(node, FIRST_WORD);
    this.#lasting.set(node, { ...trouble, since: this.#ports.now(), attempts: 1, silence: FIRST_WORD, timer });
    this.#say(node, `${trouble.server}: ${trouble.reason}; ${patienceOf(trouble)}`, false);
  }

  #later(node: string, silence: number): Timer {
    return this.#ports.after(silence, () => this.#stillThere(node));
  }

  #stillThere(node: string): void {
    const known = this.#lasting.get(node);
    if (known === undefined) return;
    const silence = Math.min(known.silence * 2, LONGEST_SILENCE);
    this.#lasting.set(node, { ...known, silence, timer: this.#later(node, silence) });
    const { server, reason, attempts } = known;
    const how = `for ${this.#lasted(known)} now (attempts: ${attempts})`;
    this.#say(node, `${server}: ${reason}, ${how}; ${patienceOf(known)}`, false);
  }

  #over(node: string): void {
    const known = this.#lasting.get(node);
    if (known === undefined) return;
    known.timer.cancel();
    this.#lasting.delete(node);
    this.#say(
      node,
      `${known.server}: goes on after ${this.#lasted(known)} (attempts that failed: ${known.attempts})`,
      true,
    );
  }

  #lasted({ since }: Lasting): string {
    return durationText(this.#ports.now() - since);
  }

  #say(node: string, message: string, isOver: boolean): void {
    this.#listener?.(node, message, isOver);
  }
}

function patienceOf({ limit }: Trouble): string {
  return limit === undefined ? 'trying again' : `trying again for up to ${durationText(limit)}`;
}

/** `300ms`, `45s`, `1m30s`, `2h`. */
function durationText(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.max(0, Math.round(milliseconds))}ms`;
  const seconds = Math.round(milliseconds / 1_000);
  const parts = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const;
  return parts.map(([count, unit]) => (count === 0 ? '' : `${count}${unit}`)).join('');
}
