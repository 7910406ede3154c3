/** A continuum under JWT credentials and TLS: it works, whatever is killed, and strangers whom its servers let in neither read nor change anything. */
import { afterAll, beforeAll, describe } from 'vitest';
import { hasNats, type NatsVersion, NO_NATS } from '../kit/nats-server.ts';
import { graph, ROWS } from './graphs.ts';
import { Secured } from './secured.ts';
import { strangers } from './strangers.ts';
import { usage } from './usage.ts';

export function securedContinuum(version: NatsVersion): void {
  const has = hasNats(version);
  describe.skipIf(!has)(has ? `secured, on the ${version} nats-server` : NO_NATS[version], () => {
    let made: Secured | undefined;
    const secured = (): Secured => {
      if (made === undefined) throw new Error('the continuum was not made');
      return made;
    };
    beforeAll(async () => {
      made = await Secured.make({ version, sites: ['hub:cloud', 'plant:edge', 'yard:edge'], flags: ['--tls'] });
      await startNumbers(made);
    }, 60_000);
    afterAll(() => made?.close());
    strangers(secured);
    usage(secured);
  });
}

/** Resolves when rows flow and checkpoints are taken. */
async function startNumbers(secured: Secured): Promise<void> {
  await secured.permit(secured.graph('numbers.yaml', graph('numbers', 1_000_000)));
  await secured.permit(secured.graph('again.yaml', graph('again', ROWS)));
  await secured.permit(secured.graph('alone.yaml', graph('alone', ROWS, '{ site: plant }')));
  await secured.startServers();
  for (const site of ['hub', 'plant', 'yard']) secured.agent(site);
  await secured.ready(3);
  await secured.ok('deploy', secured.path('numbers.yaml'), '--wait', 'rows');
  await secured.region('numbers', ({ checkpoint }) => checkpoint > 1);
}
