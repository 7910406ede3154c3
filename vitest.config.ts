import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{engine,operators,connectors,planner,native,cli,dashboard,bench,examples,test,tools}/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: 'forks',
  },
});
