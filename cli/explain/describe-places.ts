/** What `explain` tells of a graph on given sites: fragments, the channels between them, regions. */

import type { DistributedPlan, FragmentPlan, Outlet } from '../../engine/compile/fragment-plan.ts';
import { defined } from '../../engine/defined.ts';
import { formatSize } from '../../engine/graph/units.ts';
import { streamName } from './stream-name.ts';

export interface FragmentDescription {
  readonly name: string;
  readonly site: string;
  readonly agent: string;
  readonly worker: number;
  readonly region: string;
  readonly sources: readonly string[];
  readonly cells: readonly string[];
  readonly sinks: readonly string[];
  /** `2 of 4`, where its nodes have several partitions; `site plant-7`, where they run once a site. */
  readonly partition?: string;
}

export interface ChannelDescription {
  readonly id: string;
  readonly stream: string;
  readonly from: string;
  readonly to: string;
  readonly transport: string;
  readonly exchange: string;
  readonly why: string;
  readonly bound: string;
}

export interface Places {
  readonly fragments: readonly FragmentDescription[];
  readonly channels: readonly ChannelDescription[];
  readonly regions: readonly {
    readonly name: string;
    readonly fragments: readonly string[];
    readonly sites: readonly string[];
  }[];
}

export function describePlaces({ fragments }: DistributedPlan): Places {
  const regions = [...new Set(fragments.map(({ region }) => region))];
  return {
    fragments: fragments.map(describeFragment),
    channels: fragments.flatMap(({ outlets }) => outlets.flatMap(describeOutlet)),
    regions: regions.map((name) => {
      const own = fragments.filter(({ region }) => region === name);
      return { name, fragments: own.map((each) => each.name), sites: [...new Set(own.map(({ host }) => host.site))] };
    }),
  };
}

function describeFragment({ name, host, region, sources, cells, sinks, shares }: FragmentPlan): FragmentDescription {
  const [share] = shares.values();
  const numbered =
    share === undefined || share.partitions === 1 ? undefined : `${share.partition + 1} of ${share.partitions}`;
  const partition = share?.site === undefined ? numbered : `site ${share.site}`;
  return {
    name,
    site: host.site,
    agent: host.agent,
    worker: host.worker,
    region,
    sources: sources.map((source) => source.name),
    cells: cells.map((cell) => cell.name),
    sinks: sinks.map((sink) => sink.name),
    ...defined({ partition }),
  };
}

function describeOutlet({ stream, channels, exchange }: Outlet): ChannelDescription[] {
  return channels.map(({ id, from, to, transport, why, maxBytes, onFull }) => {
    const policy = onFull === 'dropOldest' ? ', then the oldest rows are dropped' : ', then what yields it waits';
    const dealt =
      exchange.kind === 'hash'
        ? `hash by ${exchange.keys.map((key) => (key.node === 'column' ? key.name : 'an expression')).join(', ')}`
        : exchange.kind;
    return {
      id,
      from,
      to,
      transport,
      why,
      stream: streamName(stream),
      exchange: dealt,
      bound: `${formatSize(maxBytes)}${policy}`,
    };
  });
}
