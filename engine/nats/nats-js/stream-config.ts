/** Streams between our words and those of the JetStream API: milliseconds here are nanoseconds there, "no bound" is -1 or 0. */
import { DiscardPolicy, type StreamConfig as ServerConfig, StorageType, type StreamInfo } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { defined } from '../../defined.ts';
import type { StreamConfig, StreamState } from '../nats.ts';

export type WantedConfig = Partial<ServerConfig> & { readonly name: string };

export function toServer(config: StreamConfig): WantedConfig {
  return {
    name: config.name,
    subjects: [...config.subjects],
    storage: config.storage === 'memory' ? StorageType.Memory : StorageType.File,
    max_bytes: config.maxBytes ?? -1,
    max_msgs: config.maxMessages ?? -1,
    max_age: nanos(config.maxAge ?? 0),
    discard: config.discard === 'new' ? DiscardPolicy.New : DiscardPolicy.Old,
    deny_delete: config.denyDelete ?? false,
    duplicate_window: duplicateWindow(config.duplicateWindow, config.maxAge),
    ...defined({ num_replicas: config.replicas }),
  };
}

/** In nanoseconds. The server refuses a window longer than messages live. */
export function duplicateWindow(window = 120_000, maxAge = 0): number {
  return nanos(maxAge > 0 ? Math.min(window, maxAge) : window);
}

/** The server's defaults are left out, so that a configuration comes back as it was given. */
function fromServer(config: ServerConfig): StreamConfig {
  const window = config.duplicate_window / 1e6;
  return {
    name: config.name,
    subjects: config.subjects ?? [],
    storage: config.storage === StorageType.Memory ? 'memory' : 'file',
    replicas: config.num_replicas,
    ...(config.max_bytes > 0 ? { maxBytes: config.max_bytes } : {}),
    ...(config.max_msgs > 0 ? { maxMessages: config.max_msgs } : {}),
    ...(config.max_age > 0 ? { maxAge: config.max_age / 1e6 } : {}),
    discard: config.discard === DiscardPolicy.New ? 'new' : 'old',
    duplicateWindow: window,
    denyDelete: config.deny_delete,
  };
}

export function stateOf(info: StreamInfo): StreamState {
  const { state, config } = info;
  return {
    name: config.name,
    messages: state.messages,
    bytes: state.bytes,
    // an empty stream that never held anything says 0
    firstSequence: state.messages === 0 ? state.last_seq + 1 : state.first_seq,
    lastSequence: state.last_seq,
    created: Date.parse(info.created),
    config: fromServer(config),
  };
}
