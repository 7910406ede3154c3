/** What an agent is handed. */
import type { CloudskinError } from '../errors.ts';
import type { Nats } from '../nats/nats.ts';
import type { Ports } from '../ports.ts';
import type { BlobStore } from '../state/blobs/blobs.ts';
import type { ArtifactTimes } from './coordinator/artifacts.ts';
import type { Placement } from './coordinator/placement.ts';
import type { DiskUse } from './documents/disk-use.ts';
import type { AgentName } from './documents/names.ts';
import type { AgentFragmentHost } from './fragment/hosted-fragment.ts';
import type { OwnCopies } from './memory/housekeeping.ts';
import type { Log } from './process/log.ts';
import type { RegionContext } from './region/context.ts';
import type { TaskHost } from './tasks/task-host.ts';

export interface AgentOptions extends AgentName {
  readonly nats: Nats;
  readonly ports: Ports;
  readonly tier: 'edge' | 'cloud';
  /** `name=value`. */
  readonly labels?: readonly string[];
  readonly devices?: readonly string[];
  readonly workers: number;
  readonly version: string;
  /** The agent's own; nobody else writes there. */
  readonly disk: BlobStore;
  readonly host: AgentFragmentHost;
  readonly log?: Log;
  readonly checkpoints: RegionContext['checkpoints'];
  readonly dropState: RegionContext['dropState'];
  /** The agent's own copies of checkpoints; absent where it keeps none. */
  readonly copies?: OwnCopies;
  /** Of the disk that its state lies on; absent where nobody looks. */
  readonly diskUse?: () => DiskUse | undefined;
  /** Decides where fragments run, where the agent is of the cloud and coordinates; the compiler's unless given. */
  readonly place?: Placement;
  /** When the coordinator deletes what no document names, if not as usual. */
  readonly artifactTimes?: ArtifactTimes;
  /** Copies of the control documents, on a cluster of servers; of new ones 3 where there are as many servers, else 1, unless given. */
  readonly replicas?: number;
  /** Labels of the apps that it may host (`default/shop`), where its credentials name them; any unless given. */
  readonly apps?: readonly string[];
  /** Serves tasks; absent where the agent serves none. */
  readonly tasks?: TaskHost;
  /** Labels of the tasks that it may serve, where its credentials name them; any unless given. */
  readonly permittedTasks?: readonly string[];
  /** Called when the agent has let go of everything because another process is what it was to be (its name, the cloud): it is not to be used any more. */
  readonly displaced?: (error: CloudskinError) => void;
  /** Public keys: only plans that one of them signed are run; all unless given. */
  readonly trusted?: readonly string[];
}
