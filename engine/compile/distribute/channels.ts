/**
 * Channels between fragments, and the inlets and outlets that they end in. What several readers of a fragment take in the same way comes once; what
 * they take in different ways comes in as streams of different names.
 */
import { internalError } from '../../errors.ts';
import type { StreamRef } from '../../graph/plan.ts';
import { type Channel, type Exchange, type Host, type Inlet, KEY_GROUPS, type Outlet } from '../fragment-plan.ts';
import { streamKey } from '../fuse.ts';
import type { Grouping } from './grouping.ts';
import { type Link, sameHost } from './links.ts';
import { channelId } from './names.ts';

/** Bytes that may be under way where the graph says nothing: within an agent, and between agents. */
const LOCAL_BYTES = 4 * 1_048_576;
const NATS_BYTES = 8 * 1_048_576;

export interface Wired {
  /** By the fragment's name. */
  readonly inlets: ReadonlyMap<string, readonly Inlet[]>;
  readonly outlets: ReadonlyMap<string, readonly Outlet[]>;
  /** By fragment, reader and input: the name that the stream has inside, where it is not its own. */
  readonly renamed: ReadonlyMap<string, StreamRef>;
}

interface OpenInlet {
  readonly stream: StreamRef;
  readonly schema: Link['schema'];
  readonly channels: Map<string, Channel>;
}

interface OpenOutlet extends OpenInlet {
  readonly exchange: Exchange;
}

export const inputKey = (fragment: string, reader: string, input: number): string => `${fragment} ${reader} ${input}`;

/** `links` without the direct ones; `hostOf` by fragment. */
export function wireChannels(
  links: readonly Link[],
  { fragmentOf, hosts }: Grouping,
  partitionsOf: (node: string) => number,
): Wired {
  const inlets = new Map<string, Map<string, OpenInlet>>();
  const outlets = new Map<string, Map<string, OpenOutlet>>();
  const renamed = new Map<string, StreamRef>();
  for (const link of links) {
    if (link.kind === 'direct') continue;
    const before = partitionsOf(link.from);
    const after = partitionsOf(link.to);
    for (let from = 0; from < before; from++) {
      const targets = link.kind === 'pairs' ? [from] : Array.from({ length: after }, (_, to) => to);
      const names = targets.map((to) => fragmentOf(link.to, to));
      const way = wayOf(link, names);
      const source = fragmentOf(link.from, from);
      const outlet = open(outlets, source, `${streamKey(link.stream)} ${way}`, () => ({
        stream: link.stream,
        schema: link.schema,
        channels: new Map<string, Channel>(),
        exchange: exchangeOf(link, after),
      }));
      for (const target of names) {
        const inlet = inletOf(inlets, target, link, way);
        const channel = outlet.channels.get(target) ?? makeChannel(link, inlet.stream, source, target, hosts);
        outlet.channels.set(target, channel);
        inlet.channels.set(channel.id, channel);
        if (inlet.stream.port !== link.stream.port) renamed.set(inputKey(target, link.to, link.input), inlet.stream);
      }
    }
  }
  return { inlets: closed(inlets), outlets: closed(outlets), renamed };
}

/** Readers with the same way take the same rows. */
function wayOf({ kind, keys }: Link, targets: readonly string[]): string {
  if (kind !== 'hash' && kind !== 'round-robin') return 'all';
  return `${kind} ${keys.map(({ index }) => index).join(',')} ${targets.join(' ')}`;
}

function exchangeOf({ kind, keys }: Link, partitions: number): Exchange {
  if (kind === 'round-robin') return { kind };
  if (kind !== 'hash') return { kind: 'all' };
  const groups = Array.from({ length: partitions }, (_, partition) => groupRange(partition, partitions));
  return { kind, keys, groups };
}

/** The key groups of a partition, both ends included. */
export function groupRange(partition: number, partitions: number): readonly [first: number, last: number] {
  const first = Math.floor((partition * KEY_GROUPS) / partitions);
  return [first, Math.floor(((partition + 1) * KEY_GROUPS) / partitions) - 1];
}

/** The stream's own name is for the way that comes first. */
function inletOf(inlets: Map<string, Map<string, OpenInlet>>, fragment: string, link: Link, way: string): OpenInlet {
  const { stream, schema, to, input } = link;
  const taken = [...(inlets.get(fragment)?.values() ?? [])].some((one) => streamKey(one.stream) === streamKey(stream));
  return open(inlets, fragment, `${streamKey(stream)} ${way}`, () => ({
    stream: taken ? { node: stream.node, port: `${stream.port}@${to}.${input}` } : stream,
    schema,
    channels: new Map<string, Channel>(),
  }));
}

function makeChannel(
  { durable, queue }: Link,
  stream: StreamRef,
  from: string,
  to: string,
  hosts: ReadonlyMap<string, Host>,
): Channel {
  const [here, there] = [hosts.get(from), hosts.get(to)];
  if (here === undefined || there === undefined)
    throw internalError('placement.no-host', `${from} or ${to} has no host`);
  const id = channelId(stream, from, to);
  if (durable !== undefined) {
    const { maxBytes, onFull } = durable;
    const why = 'the graph says durable: kept by JetStream on the near side';
    return { id, from, to, transport: 'durable', why, maxBytes, ...(onFull === 'block' ? {} : { onFull }) };
  }
  if (sameHost(here, there)) {
    return { id, from, to, transport: 'thread', why: 'one worker thread', maxBytes: queue ?? LOCAL_BYTES };
  }
  if (here.site === there.site && here.agent === there.agent) {
    return { id, from, to, transport: 'local', why: `worker threads of ${here.agent}`, maxBytes: queue ?? LOCAL_BYTES };
  }
  const why = here.site === there.site ? `agents of site ${here.site}` : `from site ${here.site} to site ${there.site}`;
  return { id, from, to, transport: 'nats', why, maxBytes: queue ?? NATS_BYTES };
}

function open<T>(all: Map<string, Map<string, T>>, fragment: string, key: string, make: () => T): T {
  const own = all.get(fragment) ?? new Map<string, T>();
  all.set(fragment, own);
  const found = own.get(key) ?? make();
  own.set(key, found);
  return found;
}

function closed<T extends OpenInlet>(all: ReadonlyMap<string, ReadonlyMap<string, T>>) {
  return new Map(
    [...all].map(([fragment, own]) => [
      fragment,
      [...own.values()].map((one) => ({ ...one, channels: [...one.channels.values()] })),
    ]),
  );
}
