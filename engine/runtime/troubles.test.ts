/** What connectors go on trying, as it is told and kept. */
import { describe, expect, it } from 'vitest';
import { ManualPorts } from '../../test/kit/manual-ports.ts';
import { Troubles } from './troubles.ts';

function setUp() {
  const ports = new ManualPorts();
  const said: string[] = [];
  const troubles = new Troubles(ports, (node, message) => said.push(`${node} ${message}`));
  return { ports, said, troubles, report: troubles.reporter('sink totals') };
}

const REFUSED = { server: 'postgres db:5432', reason: 'connection refused', limit: 90_000 };

describe('troubles of connectors', () => {
  it('are told at the first failure, at intervals that grow, and when they are over', async () => {
    const { ports, said, report } = setUp();
    report(REFUSED);
    report(REFUSED);
    expect(said).toEqual(['sink totals postgres db:5432: connection refused; trying again for up to 1m30s']);
    await ports.advance(4_999);
    expect(said).toHaveLength(1);
    await ports.advance(1);
    expect(said[1]).toBe(
      'sink totals postgres db:5432: connection refused, for 5s now (attempts: 2); trying again for up to 1m30s',
    );
    await ports.advance(9_999);
    expect(said).toHaveLength(2);
    await ports.advance(20_000);
    expect(said).toHaveLength(3);
    report(undefined);
    expect(said[3]).toBe('sink totals postgres db:5432: goes on after 35s (attempts that failed: 2)');
    await ports.advance(1_000_000);
    expect(said).toHaveLength(4);
  });

  it('cannot steer a terminal, whatever the server answered', () => {
    const { said, report } = setUp();
    report({ server: 'http shop:80', reason: 'it answers 500: \u001b[2Jno' });
    expect(said).toEqual(['sink totals http shop:80: it answers 500: ?[2Jno; trying again']);
  });

  it('are kept while they last, by node, and failures are counted over the whole run', async () => {
    const { ports, troubles, report } = setUp();
    report(REFUSED);
    await ports.advance(1_000);
    report({ server: 'postgres db:5432', reason: 'unknown host' });
    const since = ports.now() - 1_000;
    expect(troubles.all).toEqual([
      { node: 'sink totals', server: 'postgres db:5432', reason: 'unknown host', since, attempts: 2, limit: 90_000 },
    ]);
    expect(troubles.figuresOf('sink totals').troubled).toBe(true);
    expect(troubles.figuresOf('sink other')).toEqual({ retries: 0, troubled: false });
    report(undefined);
    expect(troubles.all).toEqual([]);
    expect(troubles.figuresOf('sink totals')).toEqual({ retries: 2, troubled: false });
  });

  it('say nothing where all is well, and nothing once the run is over', async () => {
    const { ports, said, troubles, report } = setUp();
    report(undefined);
    expect(said).toEqual([]);
    report(REFUSED);
    troubles.close();
    report(REFUSED);
    await ports.advance(100_000);
    expect(said).toHaveLength(1);
    expect(troubles.all).toEqual([]);
  });
});
