/** NATS by nats.js: `connectNats` makes what engine/nats/nats.ts asks for, out of a real server of version 2.9 or newer. */
import { NatsConnectionImpl } from '@nats-io/nats-core/internal';
import { connect } from '@nats-io/transport-node';
import { type CloudskinError, externalError } from '../errors.ts';
import { realPorts } from '../ports.ts';
import { unsupported } from './failures.ts';
import { isOlder } from './features.ts';
import type { JetStream, Nats } from './nats.ts';
import { Connection } from './nats-js/connection.ts';
import { claimsOf, readCredentials, refusalOf } from './nats-js/credentials.ts';
import { natsError } from './nats-js/errors.ts';
import { NatsJetStream } from './nats-js/jetstream.ts';
import { connectionOptions, type NatsOptions } from './nats-js/options.ts';

export type { NatsOptions, NatsTls } from './nats-js/options.ts';

/** The oldest server that all of it works with: pull consumers with a bound in bytes, and names of consumers. */
const OLDEST = '2.9.0';

class Client extends Connection implements Nats {
  readonly #domains = new Map<string | undefined, JetStream>();

  jetstream(domain?: string): JetStream {
    const made = this.#domains.get(domain) ?? new NatsJetStream(this, domain);
    this.#domains.set(domain, made);
    return made;
  }
}

/**
 * Connects, and stays connected until `close`. Rejects with `nats.connect` (no server there, or not a NATS server), `nats.permission`
 * (it does not let us in), `nats.credentials` or `nats.servers` (the options are wrong), `nats.unsupported` (it is too old).
 */
export async function connectNats(options: NatsOptions): Promise<Nats> {
  const made = await connectionOptions(options);
  const nc = await connect(made).catch(async (error: unknown) => {
    throw await refused(connectError(error, made.servers), options);
  });
  if (!(nc instanceof NatsConnectionImpl)) throw new TypeError('nats.js made a connection of another kind');
  const version = nc.info?.version ?? '';
  if (isOlder(version, OLDEST)) {
    await nc.close();
    throw unsupported(`connecting to ${nc.getServer()}`, version, OLDEST);
  }
  return new Client(nc, options.ports ?? realPorts);
}

/** Says of whom the credentials are that a server does not take, and why, where they tell. */
async function refused(
  error: CloudskinError,
  { credentials, ports = realPorts }: NatsOptions,
): Promise<CloudskinError> {
  if (error.code !== 'nats.permission' || credentials === undefined) return error;
  const claims = claimsOf(await readCredentials(credentials));
  if (claims === undefined) return error;
  return externalError(error.code, `${error.message}: ${refusalOf(claims, ports.now())}`, {
    hint: 'cloudskin auth issues new ones; put them in the place of the old file',
    cause: error,
  });
}

function connectError(error: unknown, servers: string | string[] | undefined): CloudskinError {
  const where = [servers ?? []].flat().join(', ');
  const known = natsError(error, `connecting to NATS at ${where}`);
  if (known.code !== 'nats.failed' && known.code !== 'nats.timeout') return known;
  return externalError('nats.connect', known.message, {
    retry: true,
    hint: 'check that a NATS server runs there and can be reached',
    cause: error,
  });
}
