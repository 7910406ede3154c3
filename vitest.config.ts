import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{engine,operators,connectors,planner,native,cli,dashboard,bench,examples,test,tools}/**/*.test.ts'],
    globalSetup: ['test/leftovers.ts'],
    // for what never comes; what is to come may take a while on a machine that others use
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000, interval: 20 } },
    pool: 'forks',
    // Many tests wait for servers and processes; one less than there are cores, the default, would leave most of the machine idle.
    maxWorkers: availableParallelism(),
    maxConcurrency: 3,
    // Tests with real servers and processes have limits of time, which a machine that others use may miss once; what is wrong is wrong again.
    retry: 2,
  },
});
