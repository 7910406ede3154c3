/** The moments of the protocol at which moves are asked for. */
import type { Cell, Emit } from '../../engine/cell/cell.ts';
import type { FragmentSaver } from '../../engine/state/checkpoint/checkpoints.ts';
import type { SeededRandom } from '../simulation/nats/random.ts';
import type { Valve } from './valve.ts';

/**
 * `flowing`: some batches after the one before; `at once`: right after it; `queued`: two are asked for together; `cutting`: while a fragment is cut for a checkpoint;
 * `saving`: while one is open; `closing`: while a cell puts out a window that closes.
 */
export const MOMENTS = ['flowing', 'at once', 'queued', 'cutting', 'saving', 'closing'] as const;
export type Moment = (typeof MOMENTS)[number];

/** Milliseconds after which a moment that does not come is not waited for any more. */
const PATIENCE = 400;

export class Moments {
  readonly #waiting = new Map<Moment, () => void>();

  any(random: SeededRandom): Moment {
    return MOMENTS[random.integer(0, MOMENTS.length - 1)] ?? 'flowing';
  }

  /** Calls `ask` at the moment, in the very call that it is about. */
  async at(moment: Moment, valve: Valve, ask: () => void): Promise<void> {
    if (moment === 'flowing') await valve.passed(2);
    if (moment === 'flowing' || moment === 'at once' || moment === 'queued') return ask();
    await new Promise<void>((resolve) => {
      const late = setTimeout(() => go(), PATIENCE);
      const go = (): void => {
        clearTimeout(late);
        this.#waiting.delete(moment);
        ask();
        resolve();
      };
      this.#waiting.set(moment, go);
    });
  }

  watchingSaver(saver: FragmentSaver): FragmentSaver {
    return {
      save: async (id, snapshot, sinks) => {
        this.#come('cutting');
        const saving = saver.save(id, snapshot, sinks);
        void Promise.resolve().then(() => this.#come('saving'));
        return await saving;
      },
    };
  }

  watchingCell(cell: Cell): Cell {
    const onWatermark = cell.onWatermark.bind(cell);
    cell.onWatermark = (time: bigint, emit: Emit) => {
      onWatermark(time, (port, batch) => {
        emit(port, batch);
        this.#come('closing');
      });
    };
    return cell;
  }

  #come(moment: Moment): void {
    this.#waiting.get(moment)?.();
  }
}
