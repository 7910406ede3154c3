/**
 * Watching with RxJS: an Observable of an output and one of the figures, while a sink of the graph gets its rows all the same.
 *
 *     node examples/api/observe.ts
 *
 * An observer never makes the graph wait. It has a buffer with a bound; more than that at once is an error, or is dropped
 * and counted where it says so.
 */
import { map, reduce, takeLast } from 'rxjs';
import { open } from '../../index.ts';

await using flow = await open(new URL('./observe.yaml', import.meta.url), {
  stdout: (text) => {
    process.stdout.write(text);
  },
});

flow
  .observe('large', { buffer: 4 * 1_048_576, overflow: 'drop-oldest' })
  .pipe(
    map((batch) => batch.numRows),
    reduce((sum, rows) => sum + rows, 0),
  )
  .subscribe((rows) => process.stdout.write(`${rows} large values seen\n`));

flow.metrics$
  .pipe(takeLast(1))
  .subscribe(({ rowsIn, state }) => process.stdout.write(`${state} after ${rowsIn} rows\n`));

const { sinks } = await flow.done;
process.stdout.write(`${sinks.map(({ name, rows }) => `${name} took ${rows} rows`).join(', ')}\n`);
