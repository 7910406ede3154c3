/** A worker thread that runs fragments with the connectors that CloudSkin has; for tests. Setup `refuse` makes it fail to be set up. */
import { parentPort } from 'node:worker_threads';
import { connectors } from '../../connectors/registry.ts';
import { openCell } from '../../engine/cell/open.ts';
import { realPorts } from '../../engine/ports.ts';
import { ThreadHost } from '../../engine/runtime/run/thread-host.ts';
import { serveFragments } from '../../engine/runtime/workers/serve.ts';

if (parentPort !== null) {
  serveFragments(parentPort, realPorts, async (setup, outlets) => {
    if (setup === 'refuse') throw new Error('not today');
    return new ThreadHost({
      runtime: () => ({ connectors, openCell: (plan) => openCell(plan), stdout: outlets.stdout }),
      transport: ({ id }) => {
        throw new Error(`no transport for ${id}`);
      },
    });
  });
}
