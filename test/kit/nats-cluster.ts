/** Several real NATS servers together: a cluster of three with JetStream, and a hub with a leaf, each with a JetStream domain of its own. */

import { freePort, type NatsServer, type NatsVersion, startNats } from './nats-server.ts';
import { Relay } from './relay.ts';

export interface NatsCluster {
  readonly servers: readonly NatsServer[];
  readonly urls: readonly string[];
  stop(): Promise<void>;
}

/** Resolves when the cluster has chosen the leader of its JetStream. `config`: lines of the configuration of each. */
export async function startNatsCluster(version: NatsVersion = 'installed', config = ''): Promise<NatsCluster> {
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`).join(', ');
  const servers = await Promise.all(
    ports.map((port, index) =>
      startNats({
        version,
        name: `n${index}`,
        config: `cluster { name: "c", listen: "127.0.0.1:${port}", routes: [${routes}] }\n${config}`,
      }),
    ),
  );
  // the first one to say so wins; the others' waits end with their servers
  await Promise.any(servers.map((server) => server.logged('JetStream cluster new metadata leader')));
  return {
    servers,
    urls: servers.map((server) => server.url),
    stop: async () => {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

export interface HubAndLeaf {
  readonly hub: NatsServer;
  /** Reaches the hub through a leaf node connection. */
  readonly leaf: NatsServer;
  readonly hubDomain: string;
  readonly leafDomain: string;
  /** What the connection of the leaf goes through. */
  readonly link: Relay;
  stop(): Promise<void>;
}

export async function startHubAndLeaf(version: NatsVersion = 'installed'): Promise<HubAndLeaf> {
  const port = await freePort();
  const link = await Relay.start(port);
  const hub = await startNats({
    version,
    name: 'hub',
    domain: 'hub',
    // told its own address, the leaf would come back by another way than the link
    config: `leafnodes { listen: "127.0.0.1:${port}", advertise: "127.0.0.1:${link.port}" }`,
  });
  const leaf = await startNats({
    version,
    name: 'leaf',
    domain: 'leaf',
    config: `leafnodes { reconnect: 1, remotes: [{ url: "nats://127.0.0.1:${link.port}" }] }`,
  });
  await leaf.logged('Leafnode connection created');
  return {
    hub,
    leaf,
    hubDomain: 'hub',
    leafDomain: 'leaf',
    link,
    stop: async () => {
      await Promise.all([leaf.stop(), hub.stop()]);
      await link.close();
    },
  };
}
