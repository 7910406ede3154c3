/** The channel from a fragment of the old plan to one of the new in another thread: of its own, made for one attempt at a handover. */
import type { Channel, Host } from '../../compile/fragment-plan.ts';
import type { ChannelAddress } from '../../transport/transport.ts';

/** A fragment and where it runs. */
export interface WayEnd {
  readonly fragment: string;
  readonly host: Host;
}

/** Bytes that may be on their way: within an agent, where it is a ring in memory, and between agents. */
const LOCAL_BYTES = 2 * 1_048_576;
const NATS_BYTES = 8 * 1_048_576;

/** `epoch`: that begins. */
export function wayChannel(from: WayEnd, to: WayEnd, epoch: number): Channel {
  const isLocal = from.host.site === to.host.site && from.host.agent === to.host.agent;
  return {
    id: `${from.fragment}_HANDS_${epoch}_TO_${to.fragment}`,
    from: from.fragment,
    to: to.fragment,
    transport: isLocal ? 'local' : 'nats',
    why: 'what a fragment leaves goes to who follows it',
    maxBytes: isLocal ? LOCAL_BYTES : NATS_BYTES,
  };
}

export function wayAddress(
  { namespace, app }: { readonly namespace: string; readonly app: string },
  channel: Channel,
  to: WayEnd,
): ChannelAddress {
  return { namespace, app, channel: channel.id, site: to.host.site };
}
