/** `cloudskin doctor` on NATS. */
import { describe, expect, it } from 'vitest';
import { hasNats, startNats } from '../kit/nats-server.ts';
import { cloudskin } from './command.ts';

interface Findings {
  readonly findings: readonly { readonly name: string; readonly status: string; readonly detail: string }[];
}

describe.skipIf(!hasNats())('cloudskin doctor', () => {
  it('names the installed nats-server and what its version lacks', async () => {
    const { stdout } = await cloudskin(['doctor', '--json']);
    const { findings }: Findings = JSON.parse(stdout);
    const found = findings.find(({ name }) => name === 'nats-server');
    expect(found).toMatchObject({ status: 'ok', detail: expect.stringMatching(/^\d+\.\d+\.\d+ at \//) });
    if (found?.detail.startsWith('2.9.')) expect(found.detail).toContain('not power-safe');
  });

  it('looks at a running server, and says what keeps it from one', async () => {
    const server = await startNats({ domain: 'plant' });
    try {
      const { status, stdout } = await cloudskin(['doctor', '--json', '--nats', server.url]);
      const { findings }: Findings = JSON.parse(stdout);
      expect(status).toBe(0);
      expect(findings.at(-2)).toMatchObject({ name: `NATS at ${server.url}`, status: 'ok' });
      expect(findings.at(-1)).toMatchObject({ name: 'JetStream', detail: expect.stringContaining('domain plant') });
    } finally {
      await server.stop();
    }
    const homeless = await startNats();
    try {
      const { stdout } = await cloudskin(['doctor', '--json', '--nats', homeless.url]);
      const { findings }: Findings = JSON.parse(stdout);
      expect(findings.at(-1)).toMatchObject({ name: 'JetStream', detail: expect.stringContaining('domain: hub') });
    } finally {
      await homeless.stop();
    }
    const absent = await cloudskin(['doctor', '--nats', server.url.replace('nats://', 'nats://ann:secret@')]);
    expect(absent.status).toBe(1);
    expect(absent.stdout).toMatch(/missing .*\*\*\*@127.0.0.1.*connection refused/);
    expect(absent.stdout).not.toContain('secret');
  });
});
