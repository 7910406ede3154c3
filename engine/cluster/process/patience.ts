/** Waiting, but not for ever. */
import { externalError } from '../../errors.ts';
import type { Ports } from '../../ports.ts';

/** True when `work` has settled well within `milliseconds`; rejects as it does. */
export async function settledWithin(ports: Ports, milliseconds: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = ports.after(milliseconds, () => resolve(false));
    work.then(
      () => {
        timer.cancel();
        resolve(true);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}

/** Rejects with `cluster.timeout` where `work` takes longer. `what` as in "the worker did not answer within 2 s". */
export async function within<T>(ports: Ports, milliseconds: number, what: string, work: Promise<T>): Promise<T> {
  if (await settledWithin(ports, milliseconds, work)) return work;
  throw externalError('cluster.timeout', `${what} within ${milliseconds / 1000} s`, { retry: true });
}
