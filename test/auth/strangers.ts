/** Strangers whom the servers let in: what they cannot read, say and change. */
import { expect, it } from 'vitest';
import { encodeDocument } from '../../engine/cluster/documents/document.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { until } from '../kit/until.ts';
import { CHANNEL, overhears, rowsFlow } from './overhear.ts';
import type { Secured } from './secured.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export function strangers(secured: () => Secured): void {
  it('a user of the same account without rights reads nothing, is heard by nobody and changes nothing', () =>
    nobodyReadsNothing(secured()));
  it('whoever has an account of his own on the same server does not even see that there is a continuum', () =>
    foreignersSeeNothing(secured()));
  it("the credentials of another edge open neither this one's channels nor any document", () =>
    otherEdgesAreKeptOut(secured()));
  it("an edge's own credentials read its assignment, and write neither that nor an app nor a plan", () =>
    edgesWriteNoDocuments(secured()));
}

async function mustRefuse(nats: Nats, domains: readonly (string | undefined)[]): Promise<void> {
  for (const domain of domains.map((name) => nats.jetstream(name))) {
    await expect(domain.keyValue('cs-control')).rejects.toMatchObject({ code: 'nats.permission' });
    await expect(domain.objects('cs-state-default_numbers')).rejects.toMatchObject({ code: 'nats.permission' });
    await expect(domain.read('KV_cs-control')).rejects.toMatchObject({ code: 'nats.permission' });
    await expect(domain.message('OBJ_cs-artifacts', 1)).rejects.toMatchObject({ code: 'nats.permission' });
    const stolen = { name: 'MINE', subjects: ['cs.>'] };
    await expect(domain.ensureStream(stolen)).rejects.toMatchObject({ code: 'nats.permission' });
  }
}

/** Says on every subject what would do harm, were it heard. */
async function shoutAt(nats: Nats): Promise<string[]> {
  const refused: string[] = [];
  const errors = nats.onError(({ message }) => refused.push(message));
  const stop = encodeDocument({
    format: 1,
    oldest: 1,
    namespace: 'default',
    app: 'numbers',
    region: 'main',
    fragment: 'rows',
    leader: { site: 'plant', agent: 'plant-1' },
    host: { site: 'plant', agent: 'plant-1' },
    epoch: 2 ** 40,
    serial: 2 ** 40,
    distributed: '',
    goal: 'stopped',
    checkpointed: true,
    peers: {},
    barrier: 0,
    commit: 0,
  });
  const subjects = [`${CHANNEL}.data`, `${CHANNEL}.ack`, 'cs.default.numbers.ctl.rows', 'cs.default.numbers.lead.main'];
  for (const subject of subjects) nats.publish(subject, stop);
  nats.publish('$KV.cs-control.apps.default.numbers', bytes('{}'));
  nats.publish('$JS.hub.API.$KV.cs-control.assignments.default.numbers', bytes('{}'));
  nats.publish('$JS.API.STREAM.DELETE.KV_cs-control', bytes(''));
  nats.publish('$JS.hub.API.STREAM.DELETE.KV_cs-control', bytes(''));
  await nats.flush();
  await until(() => refused.length >= 8);
  errors.close();
  return refused;
}

async function nobodyReadsNothing(secured: Secured): Promise<void> {
  const nobody = await secured.member('nobody', { publish: ['mine.>'], subscribe: ['_INBOX.nobody.>'] });
  const before = await secured.region('numbers', () => true);
  for (const site of ['hub', 'plant']) {
    const nats = await secured.connect(nobody, site);
    await mustRefuse(nats, site === 'hub' ? [undefined] : [undefined, 'hub']);
    const { heard, refused } = await overhears(secured, nats, [
      '>',
      'cs.>',
      `${CHANNEL}.data`,
      'cs-ctl.>',
      '$KV.>',
      '_INBOX.>',
    ]);
    expect(heard).toEqual([]);
    expect(refused).toHaveLength(6);
    expect(await shoutAt(nats)).toHaveLength(8);
    await expect(nats.request('cs-ctl.ask', bytes(''), 300)).rejects.toMatchObject({ code: 'nats.permission' });
  }
  expect(await secured.region('numbers', () => true)).toMatchObject({
    epoch: before.epoch,
    restarts: before.restarts,
  });
}

async function foreignersSeeNothing(secured: Secured): Promise<void> {
  const nats = await secured.connect(await secured.foreigner());
  const { heard } = await overhears(secured, nats, ['cs.>', 'cs-ctl.>', '$KV.>', '$OBJ.>']);
  expect(heard).toEqual([]);
  expect(await nats.jetstream().streamState('KV_cs-control')).toBeUndefined();
  await expect(nats.request('cs-ctl.ask', bytes(''), 300)).rejects.toMatchObject({ code: 'nats.no-responders' });
  await nats.jetstream().ensureStream({ name: 'ALL', subjects: ['cs.>', 'cs-ctl.>'] });
  await rowsFlow(secured);
  expect(await nats.jetstream().streamState('ALL')).toMatchObject({ messages: 0 });
}

async function otherEdgesAreKeptOut(secured: Secured): Promise<void> {
  const yard = secured.auth.credentials('agent-yard');
  for (const site of ['yard', 'hub', 'plant']) {
    const nats = await secured.connect(yard, site);
    const wanted = [`${CHANNEL}.data`, `${CHANNEL}.ack`, 'cs.default.numbers.ctl.rows', 'cs-ctl.agent.*.*.status'];
    const { heard, refused } = await overhears(secured, nats, wanted);
    expect(heard).toEqual([]);
    expect(refused).toHaveLength(wanted.length);
    expect(await shoutAt(nats)).toHaveLength(8);
  }
}

async function edgesWriteNoDocuments(secured: Secured): Promise<void> {
  const nats = await secured.connect(secured.auth.credentials('agent-plant'), 'plant');
  const control = await nats.jetstream('hub').keyValue('cs-control');
  const seen: string[] = [];
  const current = Promise.withResolvers<void>();
  const watch = await control.watch('assignments.default.numbers', {
    change: ({ key }) => seen.push(key),
    current: current.resolve,
  });
  await current.promise;
  watch.close();
  expect(seen).toEqual(['assignments.default.numbers']);
  const refused = { code: 'nats.permission' };
  await expect(control.watch('>', { change: () => undefined })).rejects.toMatchObject(refused);
  await expect(control.get('apps.default.numbers')).rejects.toMatchObject(refused);
  await expect(control.put('assignments.default.numbers', bytes('{}'))).rejects.toMatchObject(refused);
  await expect(control.put('apps.default.numbers', bytes('{}'))).rejects.toMatchObject(refused);
  await expect(control.put('coordinator', bytes('{}'))).rejects.toMatchObject(refused);
  const plans = await nats.jetstream('hub').objects('cs-artifacts');
  await expect(plans.put('plan/forged', bytes('{}'))).rejects.toMatchObject(refused);
  const regions = await nats.jetstream('hub').keyValue('cs-regions');
  await expect(regions.put('regions.other.app.main', bytes('{}'))).rejects.toMatchObject(refused);
  expect(await regions.get('regions.default.numbers.main')).toBeDefined();
}
