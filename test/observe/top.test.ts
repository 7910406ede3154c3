/** `top` on a terminal in memory, with a scripted cluster; and once on a real pseudo terminal. */
import { describe, expect, it } from 'vitest';
import { BLOCKS } from '../../cli/observe/top/figures.ts';
import { Top, type TopOptions } from '../../cli/observe/top/top.ts';
import { ManualPorts } from '../kit/manual-ports.ts';
import { ScriptedCluster } from './scripted-cluster.ts';
import { FakeTty } from './terminal.ts';

const ESCAPE = '\u001b';

async function opened(options: Partial<TopOptions> = {}, tty = new FakeTty()) {
  const ports = new ManualPorts();
  const cluster = new ScriptedCluster(() => ports.now());
  const top = new Top({
    tty,
    ports,
    watched: cluster,
    url: 'nats://hub',
    app: undefined,
    color: false,
    bars: BLOCKS,
    ...options,
  });
  const running = top.run();
  await ports.advance(0);
  const press = async (...keys: readonly string[]): Promise<void> => {
    for (const key of keys) {
      tty.press(key);
      await ports.advance(100);
    }
  };
  return { tty, ports, cluster, top, running, press };
}

describe('top', () => {
  it('shows agents and apps, and what changes, a second later', async () => {
    const { tty, ports, cluster, press, running } = await opened();
    expect(tty.line(0)).toMatch(/^cloudskin 2 sites, 2 agents, 3 apps at nats:\/\/hub +\d\d:\d\d:\d\d$/);
    expect(tty.line(0)).toHaveLength(80);
    expect(tty.text).toMatch(/APP\* +STATE +REV +ROWS/);
    expect(tty.text).toMatch(/shop +running +1 +1.0k +1.5s/);
    expect(tty.text).toMatch(/hub +cloud +hub-1 .*coordinator/);
    expect(tty.line(23)).toContain('q leave');
    cluster.apps.push('late');
    await ports.advance(1_000);
    expect(tty.text).toContain('4 apps');
    await press('q');
    await running;
  });

  it('looks into an app and a fragment, and comes back to where it was', async () => {
    const { tty, cluster, press, ports } = await opened();
    expect(tty.marked).toMatch(/^> sensors/);
    await press('j');
    expect(tty.marked).toMatch(/^> shop/);
    await press(`${ESCAPE}[B`, 'k', '\r');
    expect(cluster.asked.at(-1)).toEqual({ namespace: 'default', app: 'shop' });
    expect(tty.line(0)).toContain('shop running');
    expect(tty.line(1)).toBe('checkpoint 7, 3.0s ago, took 40ms, 4.9K, restarts 2');
    await ports.advance(1_000);
    expect(tty.text).toMatch(/rows +plant\/plant-1 +running +\S+ +1.5s +6.0K +1.0M/);
    expect(tty.text).toMatch(/twice +rows > halves +nats +yes/);
    await press('j', 'l');
    expect(tty.line(0)).toContain('shop rows at plant/plant-1, running');
    expect(tty.text).toMatch(/twice +cell .* 42 /);
    expect(tty.text).toMatch(/███▒▒▒▒▒▒· +30%/);
    await press(ESCAPE);
    expect(tty.marked).toMatch(/^> rows/);
    await press('h');
    expect(tty.marked).toMatch(/^> shop/);
  });

  it('takes keys in whatever pieces a slow line brings them', async () => {
    const { tty, ports } = await opened();
    for (const piece of [ESCAPE, '[', 'B']) {
      tty.press(piece);
      await ports.advance(10);
    }
    expect(tty.marked).toMatch(/^> shop/);
    tty.press(`${ESCAPE}[B${ESCAPE}OA${ESCAPE}[24~j`);
    expect(tty.marked).toMatch(/^> video/);
  });

  it('sorts by one column after the other', async () => {
    const { tty, press } = await opened();
    const order = (): string[] => [3, 4, 5].map((row) => /\w+/.exec(tty.line(row))?.[0] ?? '');
    expect(order()).toEqual(['sensors', 'shop', 'video']);
    await press('s');
    expect(tty.text).toContain('ROWS/S*');
    expect(order()).toEqual(['video', 'sensors', 'shop']);
    await press('s', 's');
    expect(tty.text).toContain('QUEUED*');
    expect(order()).toEqual(['shop', 'sensors', 'video']);
  });

  it('pauses an app when it is told so twice, and not otherwise', async () => {
    const { tty, cluster, press } = await opened();
    await press('j', 'p');
    expect(tty.line(23)).toBe('pause shop? y/n');
    await press('n');
    expect(cluster.wants).toEqual([]);
    await press('p', 'y');
    expect(cluster.wants).toEqual([{ app: { namespace: 'default', app: 'shop' }, wanted: 'paused' }]);
    expect(tty.line(23)).toBe('shop is to be paused');
  });

  it('helps, within 24 lines of 80', async () => {
    const { tty, press } = await opened();
    await press('?');
    expect(tty.text).toContain('pause or resume');
    expect(tty.text).toContain('share that they wait because what is below them is full\n');
    await press('x');
    expect(tty.text).not.toContain('pause or resume  ');
  });

  it('draws nothing where nothing has changed, and little where little has', async () => {
    const { tty, ports } = await opened();
    await ports.advance(3_000);
    tty.written = 0;
    tty.press('z');
    expect(tty.written).toBe(0);
    tty.press('j');
    expect(tty.written).toBeLessThan(400);
  });

  it('fits whatever size the terminal takes', async () => {
    const { tty, ports, cluster, press } = await opened();
    cluster.apps = Array.from({ length: 40 }, (_, index) => `app-${index + 10}`);
    await ports.advance(1_000);
    for (const [columns, rows] of [
      [40, 12],
      [200, 60],
      [20, 5],
      [80, 24],
    ] as const) {
      tty.resize(columns, rows);
      expect(tty.text).toContain('app-10');
      await ports.advance(1_000);
    }
    await press('G');
    expect(tty.marked).toContain('app-49');
    await press(`${ESCAPE}[5~`, `${ESCAPE}[5~`, `${ESCAPE}[5~`, `${ESCAPE}[5~`, `${ESCAPE}[5~`);
    expect(tty.marked).toContain('app-10');
  });

  it('says that the cluster does not answer, and goes on when it does', async () => {
    const { tty, ports, cluster } = await opened();
    cluster.failing = new Error('no answer within 2 s');
    await ports.advance(1_000);
    expect(tty.line(23)).toBe('no answer within 2 s, what is shown is old');
    expect(tty.text).toContain('shop');
    cluster.failing = undefined;
    await ports.advance(1_000);
    expect(tty.line(23)).toContain('q leave');
  });

  it('lets nothing that others wrote reach the terminal as control codes', async () => {
    const { tty, ports, cluster, press } = await opened();
    cluster.trouble = `bad ${ESCAPE}]0;owned\u0007\u009b2J row\r\n`;
    await press('\r');
    await ports.advance(1_000);
    expect(tty.text).toContain('sink.failed: fragment rows at plant/plant-1: bad ?]0;owned??2J row??');
  });

  it.each([
    ['q', 'q'],
    ['Ctrl-C', '\u0003'],
  ])('gives the terminal back after %s', async (_, key) => {
    const { tty, ports, running } = await opened();
    expect([tty.isRaw, tty.isAlternate, tty.cursorVisible]).toEqual([true, true, false]);
    tty.press(key);
    await running;
    expect([tty.isRaw, tty.isAlternate, tty.cursorVisible]).toEqual([false, false, true]);
    await ports.settle();
    expect(ports.pending).toBe(0);
  });

  it('gives the terminal back while it is suspended, and draws all of it afterwards', async () => {
    const tty = new FakeTty();
    const seen: boolean[] = [];
    const { top, press } = await opened({ suspend: () => void seen.push(tty.isAlternate) }, tty);
    await press('\u001a');
    expect(seen).toEqual([false]);
    top.redraw();
    expect([tty.isRaw, tty.isAlternate]).toEqual([true, true]);
    expect(tty.text).toContain('shop');
  });
});
