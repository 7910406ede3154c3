/** Compiled cells on arm64: our engine in Node for arm64, which qemu runs. `npm run test:arm64` fetches both. */
import { fileURLToPath } from 'node:url';
import { arm64Node } from '../../tools/programs/programs.ts';
import { HostProcess } from './host-process.ts';
import { testRuntime } from './suite.ts';

const HOST = fileURLToPath(new URL('engine-host.ts', import.meta.url));
const node = arm64Node();

testRuntime({
  name: 'V8 on arm64',
  missing: node === undefined ? 'Node for arm64 is not here: npm run test:arm64' : undefined,
  start: () => new HostProcess(node?.command ?? '', [...(node?.args ?? []), HOST]),
  runs: { cuts: 1, chains: 5 },
});
