/** What a command says where it cannot connect: the reason, whatever it is, and what to do about it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CloudskinError } from '../../engine/errors.ts';
import { makeCertificates } from '../../test/kit/certificates.ts';
import { freePort } from '../../test/kit/free-port.ts';
import { hasNats, type NatsServer, NO_NATS, startNats } from '../../test/kit/nats-server.ts';
import { withCluster } from './connect.ts';

const has = hasNats('installed');

async function refusal(nats: string): Promise<CloudskinError> {
  return await withCluster({ nats }, () => Promise.reject(new Error('it connects'))).catch(
    (error: CloudskinError) => error,
  );
}

describe('an address', () => {
  it.each(['foo:bar:baz', 'foo:bar', 'foo:99999', 'http://there', 'tls://a b'])(
    '%s is refused unasked',
    async (text) => {
      expect(await refusal(text)).toMatchObject({ code: 'nats.servers', domain: 'user' });
    },
  );

  it.each(['nats://127.0.0.1:', 'nats://[::1]:', 'nats://ann:secret@localhost:'])('%sPORT is tried', async (text) => {
    const { code, message, hint } = await refusal(`${text}${await freePort()}`);
    expect(code).toBe('nats.connect');
    expect(message).not.toContain('secret');
    expect(hint).toContain('cloudskin up');
  });
});

describe.skipIf(!has)(has ? 'a server that is there' : `a server that is there: ${NO_NATS.installed}`, () => {
  let directory: string;
  const servers: NatsServer[] = [];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cs-connect-'));
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
    rmSync(directory, { recursive: true, force: true });
  });
  const start = async (config: string, tls = false): Promise<string> => {
    const server = await startNats({ jetstream: false, config, tls });
    servers.push(server);
    return server.url;
  };

  it('and has a certificate of an unknown authority is not said to be away', async () => {
    const { serverCert, serverKey } = await makeCertificates(directory);
    const error = await refusal(await start(`tls { cert_file: "${serverCert}", key_file: "${serverKey}" }`, true));
    expect(error).toMatchObject({ code: 'nats.connect', hint: expect.stringContaining('--ca') });
    expect(error.message).toContain('certificate');
  });

  it('and speaks no TLS says so', async () => {
    const url = await start('');
    const error = await refusal(url.replace('nats:', 'tls:'));
    expect(error).toMatchObject({ code: 'nats.connect', hint: expect.stringContaining('nats://') });
    expect(error.message).toContain("does not support 'tls'");
  });

  it('is found where another of its cluster is away', async () => {
    const nats = `nats://127.0.0.1:${await freePort()}, ${await start('')}`;
    expect(await withCluster({ nats }, async ({ nats: { connected } }) => connected)).toBe(true);
  });

  it('and wants a user says that it does', async () => {
    const error = await refusal(await start('authorization { users: [{ user: "ann", password: "pass" }] }'));
    expect(error).toMatchObject({ code: 'nats.permission', hint: expect.stringContaining('credentials') });
  });
});
