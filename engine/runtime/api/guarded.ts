/**
 * Observables whose subscribers may throw. RxJS throws such an error again where nobody can catch it, which ends the process and everything that
 * runs in it; here it ends the one subscription, is reported as a warning of the process (`api.subscriber-failed`), and the flow goes on. Also behind operators (`pipe`).
 * An error of the flow that a subscriber does not take (it has no `error`) stays RxJS's to report: nobody would hear of it.
 */

import { createRequire } from 'node:module';
import process from 'node:process';
import type { Observable, Observer, Operator, Subscriber, Subscription, TeardownLogic } from 'rxjs';
import { defined } from '../../defined.ts';

type Next<T> = (value: T) => void;

/** `name`: what is observed, for the warning. */
export function guardedObservable<T>(
  name: string,
  subscribe: (subscriber: Subscriber<T>) => TeardownLogic,
): Observable<T> {
  // loaded when an Observable is asked for: it has no part in running a graph
  const rxjs: typeof import('rxjs') = createRequire(import.meta.url)('rxjs');

  class Guarded<V> extends rxjs.Observable<V> {
    override lift<R>(operator?: Operator<V, R>): Observable<R> {
      const lifted = new Guarded<R>();
      lifted.source = this;
      lifted.operator = operator;
      return lifted;
    }

    override subscribe(
      to?: Partial<Observer<V>> | Next<V> | null,
      error?: Next<unknown> | null,
      complete?: (() => void) | null,
    ): Subscription {
      if (to instanceof rxjs.Subscriber) return super.subscribe(to);
      const given = typeof to === 'object' && to !== null ? to : partial(to, error, complete);
      let subscription: Subscription | undefined;
      let isOver = false;
      const guard = (call: () => void): void => {
        if (isOver) return;
        try {
          call();
        } catch (thrown) {
          isOver = true;
          warn(name, thrown);
          subscription?.unsubscribe();
        }
      };
      subscription = super.subscribe({
        next: (value) => guard(() => given.next?.(value)),
        complete: () => guard(() => given.complete?.()),
        ...(given.error === undefined ? {} : { error: (failure) => guard(() => given.error?.(failure)) }),
      });
      if (isOver) subscription.unsubscribe();
      return subscription;
    }
  }

  return new Guarded<T>(subscribe);
}

function partial<V>(
  next: Next<V> | null | undefined,
  error: Next<unknown> | null | undefined,
  complete: (() => void) | null | undefined,
): Partial<Observer<V>> {
  return {
    ...(next == null ? {} : { next }),
    ...(error == null ? {} : { error }),
    ...(complete == null ? {} : { complete }),
  };
}

function warn(name: string, thrown: unknown): void {
  const { message, stack } = thrown instanceof Error ? thrown : { message: String(thrown), stack: undefined };
  process.emitWarning(`a subscriber of ${name} threw and is told nothing more: ${message}`, {
    type: 'CloudskinWarning',
    code: 'api.subscriber-failed',
    ...defined({ detail: stack }),
  });
}
