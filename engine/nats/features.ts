/** What versions of nats-server lack of what CloudSkin can use; older servers take some of it in silence and do nothing, so it is asked here. */

export interface NatsFeature {
  readonly name: 'sync-always' | 'message-ttl' | 'atomic-publish';
  readonly since: string;
  /** What it means where it is missing. */
  readonly missing: string;
}

const NATS_FEATURES: readonly NatsFeature[] = [
  {
    name: 'sync-always',
    since: '2.10.0',
    missing:
      'JetStream cannot sync every write (sync_interval): durable streams and checkpoints in it are not power-safe',
  },
  { name: 'message-ttl', since: '2.11.0', missing: 'single messages and keys cannot expire on their own' },
  { name: 'atomic-publish', since: '2.12.0', missing: 'several messages cannot be published as one' },
];

/** Of a server of this version (`2.9.10`), in the order in which they came. */
export function missingFeatures(version: string): readonly NatsFeature[] {
  return NATS_FEATURES.filter((feature) => isOlder(version, feature.since));
}

/** Compares `major.minor.patch`; what follows (`-beta.1`) is not looked at. */
export function isOlder(version: string, than: string): boolean {
  const parts = (text: string): number[] => text.split('.').map((part) => Number.parseInt(part, 10) || 0);
  const [a, b] = [parts(version), parts(than)];
  for (let index = 0; index < 3; index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
