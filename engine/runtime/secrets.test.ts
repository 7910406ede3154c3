/** Secrets in the options of sinks: put in when the sink is opened, and nowhere else. */
import { expect, it } from 'vitest';
import { Memory } from '../../test/kit/memory-connector.ts';
import { planOf } from '../../test/kit/plans.ts';
import { EVENTS, events } from '../../test/kit/runs.ts';
import { openStubCell } from '../../test/kit/stub-cell.ts';
import { fuse } from '../compile/fuse.ts';
import type { Connector } from '../graph/connector.ts';
import { Deployment } from './run/deployment.ts';

it('a sink is opened with the secrets that its options name, while the plan keeps their names', async () => {
  const memory = new Memory({ sources: { a: { partitions: [() => [events([1])]] } } });
  const { sink, source } = memory.connector;
  if (sink === undefined || source === undefined) throw new Error('the memory connector has both');
  const seen: unknown[] = [];
  const connector: Connector = {
    ...memory.connector,
    sink: {
      ...sink,
      open(options, schema, context) {
        seen.push(options);
        return sink.open(options, schema, context);
      },
    },
  };
  const plan = planOf({ sources: { a: { schema: EVENTS } }, sinks: { out: ['a'] } });
  const password = `\${secret:password}`;
  const logical = { ...plan, sinks: plan.sinks.map((each) => ({ ...each, options: { password } })) };
  const deployment = new Deployment(fuse(logical), {
    connectors: [connector],
    openCell: (cell) => openStubCell(cell, []),
    secrets: (name) => `the ${name}`,
  });
  await deployment.run();
  expect(seen).toEqual([{ password: 'the password' }]);
  expect(deployment.plan.logical.sinks[0]?.options).toEqual({ password });
});
