import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{engine,operators,connectors,planner,native,cli,dashboard,bench,examples,test,tools}/**/*.test.ts'],
    globalSetup: ['test/leftovers.ts'],
    // for what never comes; what is to come may take a while on a machine that others use
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000, interval: 20 } },
    pool: 'forks',
    // Many tests wait for servers and processes; as many as there are cores would leave the machine idle for a third of the time.
    maxWorkers: availableParallelism() + 1,
    maxConcurrency: 3,
    // a test that fails now and then is wrong, or what it tests is
    retry: 0,
  },
});
