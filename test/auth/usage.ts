/** Commands under the credentials of the command line, and agents that are killed under theirs. */
import { expect, it } from 'vitest';
import { ROWS } from './graphs.ts';
import { CHANNEL, overhears } from './overhear.ts';
import type { Secured } from './secured.ts';

export function usage(secured: () => Secured): void {
  it('an edge keeps what it runs alone beside itself, where the command line sees it', () => runsAlone(secured()));
  it('all commands work with the credentials of the command line, which open no channel', () =>
    commandsWork(secured()));
  it('every row comes out once though an agent is killed, and pause, resume and undeploy work', () =>
    rowsComeOutOnce(secured()));
}

async function commandsWork(secured: Secured): Promise<void> {
  expect(await secured.ok('status')).toContain('plant-1');
  expect(await secured.ok('status', 'numbers')).toContain('nats');
  expect(await secured.ok('list')).toContain('numbers');
  expect(await secured.ok('site', 'list')).toContain('yard');
  expect(await secured.ok('logs', 'numbers')).toContain('ready');
  expect(await secured.ok('checkpoint', 'list', 'numbers')).toContain('complete');
  expect(await secured.ok('doctor', '--nats', `tls://127.0.0.1:${secured.book.hub.port}`)).toContain('domain hub');
  const admin = await secured.connect(secured.auth.credentials('admin'));
  const { heard, refused } = await overhears(secured, admin, [`${CHANNEL}.data`]);
  expect({ heard, refused: refused.length }).toEqual({ heard: [], refused: 1 });
}

async function rowsComeOutOnce(secured: Secured): Promise<void> {
  const [, plant] = secured.agents;
  await secured.ok('deploy', secured.path('again.yaml'), '--wait', 'rows');
  const { epoch } = await secured.region('again', ({ checkpoint }) => checkpoint > 1);
  await plant?.end('SIGKILL');
  plant?.start();
  await secured.region('again', (now) => now.epoch > epoch);
  await secured.ok('pause', 'numbers');
  await secured.region('again', ({ phase }) => phase === 'finished');
  const [first = 0, ...rest] = secured.ids('again');
  expect([first, ...rest]).toEqual(Array.from({ length: ROWS }, (_, index) => index + first));
  await secured.ok('resume', 'numbers');
  await secured.ok('undeploy', 'numbers');
  expect(secured.logs()).not.toContain('Permissions Violation');
}

async function runsAlone(secured: Secured): Promise<void> {
  await secured.ok('deploy', secured.path('alone.yaml'), '--wait', 'rows');
  await secured.region('alone', ({ checkpoint }) => checkpoint > 1);
  const admin = await secured.admin();
  const assignment = await admin.assignment({ namespace: 'default', app: 'alone' });
  expect(Object.values(assignment?.regions ?? {}).map(({ domain }) => domain)).toEqual(['plant']);
  expect(await secured.ok('checkpoint', 'list', 'alone')).toContain('complete');
  await secured.ok('undeploy', 'alone', '--now');
}
