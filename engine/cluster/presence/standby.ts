/**
 * Gets an agent ready to take over from another of its site: when that one, which runs something, falls silent, a worker is started here while it is still being decided
 * whether the other is lost. Should it not be, nothing has happened.
 */
import type { Ports, Timer } from '../../ports.ts';
import { type AgentName, sameAgent } from '../documents/names.ts';
import { BEAT, LOST_AFTER, READY_AFTER } from '../process/timing.ts';
import type { Neighbours } from './neighbours.ts';

export class Standby {
  readonly #ports: Ports;
  readonly #name: AgentName;
  readonly #neighbours: Pick<Neighbours, 'all'>;
  readonly #warm: () => void;
  #timer: Timer | undefined;
  #isWarm = false;

  /** `warm` is called once for each time that somebody falls silent. */
  constructor(ports: Ports, name: AgentName, neighbours: Pick<Neighbours, 'all'>, warm: () => void) {
    this.#ports = ports;
    this.#name = name;
    this.#neighbours = neighbours;
    this.#warm = warm;
  }

  start(): void {
    this.#timer = this.#ports.after(BEAT, () => {
      this.#look();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #look(): void {
    const now = this.#ports.monotonic();
    let silent = false;
    for (const { status, heard } of this.#neighbours.all) {
      if (status.site !== this.#name.site || sameAgent(status, this.#name)) continue;
      const silence = now - heard;
      const busy = !status.leaving && status.fragments.some(({ phase }) => phase !== 'stopped' && phase !== 'finished');
      // whoever has been silent for long is nobody's news
      silent ||= busy && silence >= READY_AFTER && silence < 2 * LOST_AFTER;
    }
    if (silent && !this.#isWarm) this.#warm();
    this.#isWarm = silent;
  }
}
