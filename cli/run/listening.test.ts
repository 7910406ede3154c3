/** `cloudskin run` says where a webhook can be reached, also where the port is any that is free. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../../test/kit/connectors.ts';

const GRAPH = `apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: hook }
spec:
  sources:
    hook: { http: { listen: "127.0.0.1:0" }, schema: { id: int64 } }
  sinks:
    out: { from: hook, console: { format: ndjson } }
`;

it('says where a webhook listens, on standard error', async () => {
  const place = await temporaryDirectory();
  const graph = join(place.path, 'graph.yaml');
  await writeFile(graph, GRAPH);
  const program = fileURLToPath(new URL('../bin.ts', import.meta.url));
  const child = spawn(process.execPath, [program, 'run', graph], { stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await expect.poll(() => said).toMatch(/hook info: listens on 127\.0\.0\.1:\d+/);
    const [, address] = /listens on (\S+)/.exec(said) ?? [];
    const response = await fetch(`http://${address}/`, { method: 'POST', body: '{"id":1}' });
    expect(response.status).toBe(200);
  } finally {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    await place.remove();
  }
});
