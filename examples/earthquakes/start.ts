/** What `npm start` runs: the earthquakes graph by the command line, then where to look next. */
import { spawnSync } from 'node:child_process';
import { relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../../cli/bin.ts', import.meta.url));
const graph = relative(process.cwd(), fileURLToPath(new URL('graph.yaml', import.meta.url)));
const cloudskin = 'npm run -s cloudskin --';

const { status } = spawnSync(process.execPath, [cli, 'run', graph], { stdio: 'inherit' });
if (status === 0) {
  process.stdout.write(`
That was ${graph}. Try next:
  ${cloudskin} explain ${graph}      the cells that it became
  ${cloudskin} init out/my-first                          a graph of your own
  ${cloudskin} init out/mine --from YOUR.csv              one that reads your data
`);
}
process.exitCode = status ?? 1;
