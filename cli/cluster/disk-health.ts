/** Logs that wait for room on the disk of their agent, as troubles of the cluster and of the apps whose they are. */
import { type AppName, agentLabel, appLabel } from '../../engine/cluster/documents/names.ts';
import type { Trouble } from '../../engine/cluster/documents/troubles.ts';
import { defined } from '../../engine/defined.ts';
import { plural, size } from '../output/figures.ts';
import type { Overview } from './overview.ts';

interface DiskTrouble extends Trouble {
  readonly where: string;
  /** Milliseconds. */
  readonly lasts?: number;
}

const KINDS = { journal: 'the journal of', channel: 'durable stream' } as const;
/** Logs that are named. */
const NAMED = 3;

/** `app`: of that one only. */
export function diskTroubles({ agents, at }: Pick<Overview, 'agents' | 'at'>, app?: AppName): readonly DiskTrouble[] {
  return agents.flatMap((agent): DiskTrouble[] => {
    const { disk } = agent;
    const logs = (disk?.logs ?? []).filter((log) => app === undefined || appLabel(log) === appLabel(app));
    if (disk?.short !== true || logs.length === 0) return [];
    const { directory, free, reserve, since } = disk;
    const some = logs.slice(0, NAMED).map(({ kind, name, bytes }) => `${KINDS[kind]} ${name} (${size(bytes)})`);
    const more = logs.length > NAMED ? ` and ${plural(logs.length - NAMED, 'other')}` : '';
    return [
      {
        code: 'agent.disk-short',
        where: `disk of agent ${agentLabel(agent)}`,
        message: `${size(free)} are free for ${directory}, and ${size(reserve)} are kept for checkpoints: no more room for ${some.join(', ')}${more}`,
        hint: 'make room there: what waits goes on by itself; who sends to a source that is held back may lose what that does not take',
        ...defined({ lasts: since === undefined ? undefined : Math.max(0, at - since) }),
      },
    ];
  });
}
