/** Cells that are moved where credentials permit each site only what it needs: to the sites that are named for it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasNats, NO_NATS } from '../kit/nats-server.ts';
import { Secured } from './secured.ts';

const has = hasNats('installed');

const GRAPH = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: movable }
spec:
  sources:
    rows: { generate: { rate: 1000, columns: { id: { sequence: {} } } }, schema: { id: int64 } }
  operators:
    twice: { from: rows, select: { id: id, twice: id * 2 } }
  sinks:
    out: { from: twice, file: { path: movable.ndjson } }
  placement: { rows: { site: plant }, out: { site: hub } }
  checkpoint: { every: 300ms }
`;

describe.skipIf(!has)(has ? 'cells that credentials let move' : NO_NATS.installed, () => {
  let secured: Secured;
  beforeAll(async () => {
    secured = await Secured.make({ version: 'installed', sites: ['hub:cloud', 'plant:edge'] });
    await secured.permit(secured.graph('movable.yaml', GRAPH), '--movable', 'hub');
    await secured.startServers();
    for (const site of ['hub', 'plant']) secured.agent(site);
    await secured.ready(2);
  });
  afterAll(() => secured.close());

  it('go there and back, and lose nothing', async () => {
    await secured.ok('deploy', secured.path('movable.yaml'), '--wait', 'rows');
    for (const site of ['hub', 'plant']) {
      const told = JSON.parse(await secured.ok('move', 'twice', '--to', site, '--json'));
      expect(told).toMatchObject({ moved: [{ entry: 'twice' }], receipts: [{ lost: 0, duplicated: 0 }] });
    }
    await secured.ok('undeploy', 'movable');
    const ids = secured.ids('movable');
    expect(ids).toEqual(Array.from({ length: ids.length }, (_, index) => index));
  });
});
