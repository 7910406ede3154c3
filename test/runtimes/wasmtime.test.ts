/** Compiled cells in wasmtime, by a host in Python that knows of them what docs/cell-abi.md says. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findProgram, wasmtimePath } from '../../tools/programs/programs.ts';
import { HostProcess } from './host-process.ts';
import { testRuntime } from './suite.ts';

const HOST = fileURLToPath(new URL('wasmtime_cell.py', import.meta.url));

function missing(): string | undefined {
  if (findProgram('python3') === undefined) return 'python3 is not installed';
  return existsSync(wasmtimePath()) ? undefined : 'wasmtime is not installed: node tools/test-setup.ts';
}

testRuntime({
  name: 'wasmtime',
  missing: missing(),
  start: () => new HostProcess('python3', [HOST], { PYTHONPATH: wasmtimePath(), PYTHONDONTWRITEBYTECODE: '1' }),
  runs: { cuts: 3, chains: 30 },
});
