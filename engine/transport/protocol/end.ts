/** What both ends of a channel have in common: what they are given, and the errors that end them. */
import { type CloudskinError, internalError } from '../../errors.ts';
import type { Ports } from '../../ports.ts';
import type { ChannelAddress, ChannelEvents } from '../transport.ts';
import type { DatagramPort, Timing } from './datagram.ts';
import { VERSION } from './frame.ts';

export interface EndContext {
  readonly address: ChannelAddress;
  readonly port: DatagramPort;
  readonly ports: Ports;
  readonly events: ChannelEvents;
  readonly timing: Timing;
}

export function channelName({ namespace, app, channel }: ChannelAddress): string {
  return `channel ${channel} of ${namespace}/${app}`;
}

/** Another end has taken this one's place. */
export function fenced(address: ChannelAddress, who: string, epoch: number): CloudskinError {
  return internalError('transport.fenced', `${channelName(address)}: ${who} has the epoch ${epoch}`);
}

export function protocolError(address: ChannelAddress, what: string): CloudskinError {
  return internalError('transport.protocol', `${channelName(address)}: ${what}`);
}

export function otherVersion(address: ChannelAddress, version: number): CloudskinError {
  return protocolError(address, `the other end speaks version ${version} of the protocol, this one ${VERSION}`);
}

/** Promises that several callers wait for; made when the first asks. */
export class Signal {
  #waiting: PromiseWithResolvers<void> | undefined;

  get wanted(): boolean {
    return this.#waiting !== undefined;
  }

  wait(): Promise<void> {
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }

  settle(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}
