/** How full an agent's disk is, and what logs take of it: looked at now and then, for its status. */
import type { DiskUse } from '../../../engine/cluster/documents/disk-use.ts';
import type { Log } from '../../../engine/cluster/process/log.ts';
import { messageOf } from '../../../engine/errors.ts';
import type { Ports, Timer } from '../../../engine/ports.ts';
import { isShort, spaceMeter } from '../../../engine/state/disk/space.ts';
import { logsIn } from '../../../engine/state/log/logs-in.ts';

/** Milliseconds from one look to the next; from one look at the sizes of checkpoints, of which there may be many, to the next. */
const LOOK = 2_000;
const LOOK_AT_CHECKPOINTS = 10_000;
/** Logs that are told, the largest first: a status is to stay small. */
const TOLD = 20;

export class DiskWatch {
  readonly #directory: string;
  readonly #ports: Ports;
  readonly #log: Log;
  #use: DiskUse | undefined;
  #weighedAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #looking: Promise<void> = Promise.resolve();
  #failed = false;
  #stopped = false;

  private constructor(directory: string, ports: Ports, log: Log) {
    this.#directory = directory;
    this.#ports = ports;
    this.#log = log;
  }

  /** `directory`: the agent's own. */
  static start(directory: string, ports: Ports, log: Log): DiskWatch {
    const watch = new DiskWatch(directory, ports, log);
    watch.#looking = watch.#look();
    return watch;
  }

  /** Of the last look; undefined before the first and where the disk does not say. */
  get use(): DiskUse | undefined {
    return this.#use;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  async #look(): Promise<void> {
    try {
      const now = this.#ports.monotonic();
      const isWeighed = this.#use !== undefined && now - this.#weighedAt < LOOK_AT_CHECKPOINTS;
      const use = await diskUse(this.#directory, isWeighed ? this.#use?.reserve : undefined);
      if (!isWeighed) this.#weighedAt = now;
      const isNewlyShort = use.short && this.#use?.short !== true;
      if (isNewlyShort) this.#log('warn', shortText(use, this.#directory), { code: 'agent.disk-short' });
      const since = use.short ? (this.#use?.since ?? this.#ports.now()) : undefined;
      this.#use = { ...use, ...(since === undefined ? {} : { since }) };
      this.#failed = false;
    } catch (error) {
      if (!this.#failed) this.#log('warn', `how full the disk is cannot be told: ${messageOf(error)}`);
      this.#failed = true;
      this.#use = undefined;
    }
    if (!this.#stopped) {
      this.#timer = this.#ports.after(LOOK, () => {
        this.#looking = this.#look();
      });
    }
  }
}

/** Of a data directory, whether an agent runs on it or not; `known`: the reserve, where that was weighed a moment ago. */
export async function diskUse(directory: string, known?: number): Promise<DiskUse> {
  const meter = spaceMeter(directory);
  const { free, size } = await meter.space();
  const reserve = known ?? (await meter.reserve(size));
  const logs = await logsIn(directory);
  return { directory, free, size, reserve, short: isShort(free, reserve), logs: logs.slice(0, TOLD) };
}

function shortText({ free, reserve }: DiskUse, directory: string): string {
  return `${free} bytes are free on the disk of ${directory}, ${reserve} are kept for checkpoints: journals and logs of durable streams wait`;
}
