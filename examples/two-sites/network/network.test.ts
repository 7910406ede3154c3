import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Network, networkMissing, openNetwork } from './network.ts';

const run = promisify(execFile);

const ECHO = `const s = require('node:dgram').createSocket('udp4');
s.on('message', (m, from) => s.send(m, from.port, from.address)); s.bind(7777, () => console.log('up'));`;
/** The address and how many; waits for the last answer for 300 ms. */
const PING = `const [address, times] = process.argv.slice(1); const s = require('node:dgram').createSocket('udp4');
const found = []; let sent = 0; s.on('message', (m) => found.push(performance.now() - Number(m)));
const timer = setInterval(() => { s.send(String(performance.now()), 7777, address, () => {});
  if (++sent < Number(times)) return; clearInterval(timer);
  setTimeout(() => { console.log(JSON.stringify(found)); s.close(); }, 300); }, 10);`;
const missing = networkMissing();

describe.skipIf(missing !== undefined)(
  `two networks and a link${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let network: Network;
    beforeAll(async () => {
      network = await openNetwork({ delay: 20, rate: '100mbit' });
    });
    beforeAll(async () => {
      const [program, args] = network.b.command(process.execPath, ['-e', ECHO]);
      const echo = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(echo.stdout, 'data');
    });
    afterAll(() => network?.close());

    /** Round trips of datagrams in milliseconds; those lost are missing. */
    async function ping(times: number): Promise<number[]> {
      const [program, args] = network.a.command(process.execPath, ['-e', PING, network.b.address, String(times)]);
      const { stdout } = await run(program, args);
      return JSON.parse(stdout) as number[];
    }

    it('has the delay both ways', async () => {
      const times = (await ping(5)).toSorted((a, b) => a - b);
      expect(times.length).toBe(5);
      expect(times[0]).toBeGreaterThan(39.5);
      expect(times[2]).toBeLessThan(60);
    });

    it('loses what it is told to, and nothing gets through while it is down', async () => {
      await network.set({ delay: 0, loss: 0.5 });
      const through = (await ping(60)).length;
      expect(through).toBeGreaterThan(3);
      expect(through).toBeLessThan(40);
      await network.set({ loss: 0 });
      await network.down();
      expect(await ping(3)).toEqual([]);
      await network.up();
      expect((await ping(3)).length).toBe(3);
    });
  },
);
