/** How a client is let in, and what it is told when it is not: TLS, credentials, permissions, wrong addresses. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createUser } from '@nats-io/nkeys';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Certificates, makeCertificates } from '../../test/kit/certificates.ts';
import { freePort, hasNats, type NatsServer, startNats } from '../../test/kit/nats-server.ts';
import { connectNats, type NatsOptions } from './client.ts';

const text = (data: Uint8Array): string => new TextDecoder().decode(data);

async function connects(options: NatsOptions): Promise<boolean> {
  const nats = await connectNats(options);
  await nats.flush();
  await nats.close();
  return true;
}

describe.skipIf(!hasNats())('access to a nats-server', () => {
  let directory: string;
  const servers: NatsServer[] = [];
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cs-access-'));
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await rm(directory, { recursive: true, force: true });
  });
  const start = async (config: string, tls = false): Promise<NatsServer> => {
    const server = await startNats({ jetstream: false, config, tls });
    servers.push(server);
    return server;
  };

  it('says where nobody is', async () => {
    const port = await freePort();
    await expect(connectNats({ servers: `nats://127.0.0.1:${port}` })).rejects.toMatchObject({
      code: 'nats.connect',
      retry: true,
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
  });

  it('waits for a server when asked to', async () => {
    const port = await freePort();
    const connecting = connectNats({ servers: `127.0.0.1:${port}`, wait: true });
    // A port in `config` would stand beside the kit's own, and the server takes either.
    const server = await startNats({ jetstream: false, port });
    servers.push(server);
    expect(server.log).toContain('Server is ready');
    const nats = await connecting;
    expect(nats.connected).toBe(true);
    await nats.close();
  });

  it('takes user and password, also from the address, and a token, and hides them when it refuses', async () => {
    const users = await start('authorization { users: [{ user: "ann", password: "p@ss" }] }');
    const { port } = users;
    expect(await connects({ servers: users.url, user: 'ann', password: 'p@ss' })).toBe(true);
    expect(await connects({ servers: `nats://ann:p%40ss@127.0.0.1:${port}` })).toBe(true);
    const refused = await connectNats({ servers: `nats://ann:wrong@127.0.0.1:${port}` }).catch((error) => error);
    expect(refused).toMatchObject({ code: 'nats.permission' });
    expect(String(refused)).not.toContain('wrong');
    const token = await start('authorization { token: "t0ken" }');
    expect(await connects({ servers: token.url, token: 't0ken' })).toBe(true);
    expect(await connects({ servers: `nats://t0ken@127.0.0.1:${token.port}` })).toBe(true);
  });

  it('takes an nkey as a file or a seed', async () => {
    const user = createUser();
    const seed = text(user.getSeed());
    const server = await start(`authorization { users: [{ nkey: "${user.getPublicKey()}" }] }`);
    await writeFile(join(directory, 'user.nk'), `${seed}\n`);
    expect(await connects({ servers: server.url, nkey: seed })).toBe(true);
    expect(await connects({ servers: server.url, nkey: join(directory, 'user.nk') })).toBe(true);
    await expect(connectNats({ servers: server.url, nkey: join(directory, 'none.nk') })).rejects.toMatchObject({
      code: 'nats.credentials',
      domain: 'user',
    });
  });

  it('tells of a subject that may not be used, whether published or subscribed', async () => {
    const server = await start(
      'authorization { users: [{ user: "a", password: "a", permissions: { publish: ["in.>"], subscribe: ["_INBOX.>"] } }] }',
    );
    const nats = await connectNats({ servers: server.url, user: 'a', password: 'a' });
    const errors: string[] = [];
    nats.onError((error) => errors.push(`${(error as { code?: string }).code}: ${error.message}`));
    nats.publish('out.x', new Uint8Array(0));
    nats.subscribe('secret', () => undefined);
    await nats.flush();
    await expect.poll(() => errors.length).toBe(2);
    expect(errors.join('\n')).toMatch(/nats\.permission: publish out\.x.*\nnats\.permission: subscription secret/);
    await nats.close();
  });

  it('refuses what would be commands in the protocol', async () => {
    const server = await start('');
    const nats = await connectNats({ servers: server.url });
    for (const subject of ['a b', 'a\r\nPUB x 0\r\n', '', 'a..b']) {
      expect(() => nats.publish(subject, new Uint8Array(0))).toThrow(expect.objectContaining({ code: 'nats.subject' }));
    }
    expect(() => nats.publish('a', new Uint8Array(0), { headers: { k: 'v\r\nx: y' } })).toThrow(
      expect.objectContaining({ code: 'nats.header' }),
    );
    expect(() => nats.publish('a', new Uint8Array(2_000_000))).toThrow(
      expect.objectContaining({ code: 'nats.payload-too-large' }),
    );
    await nats.close();
    expect(() => nats.publish('a', new Uint8Array(0))).toThrow(expect.objectContaining({ code: 'nats.closed' }));
  });

  describe('by TLS', () => {
    let made: Certificates;
    let server: NatsServer;
    beforeAll(async () => {
      made = await makeCertificates(directory);
      const { ca, serverCert, serverKey } = made;
      server = await start(
        `tls { cert_file: "${serverCert}", key_file: "${serverKey}", ca_file: "${ca}", verify: true }`,
        true,
      );
    });

    it('trusts the authority it is given and shows its own certificate', async () => {
      const tls = { ca: made.ca, cert: made.clientCert, key: made.clientKey };
      expect(await connects({ servers: server.url, tls })).toBe(true);
    });

    it('does not trust a server that nobody vouches for', async () => {
      await expect(
        connectNats({ servers: server.url, tls: { cert: made.clientCert, key: made.clientKey } }),
      ).rejects.toMatchObject({ code: 'nats.connect', message: expect.stringContaining('certificate') });
    });
  });
});
