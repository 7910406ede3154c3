/** Who coordinates. */
import { type Versioned, versions } from './document.ts';
import { type AgentName, agentName } from './names.ts';
import { type Read, shape, text, whole } from './read-json.ts';

/** `coordinator`: who leads. Renewed again and again; whoever sees it unchanged for too long takes it over. */
export interface LeaseDocument extends Versioned {
  readonly holder: AgentName;
  readonly incarnation: string;
  readonly renewed: number;
}

export const leaseDocument: Read<LeaseDocument> = shape<LeaseDocument>({
  ...versions,
  holder: agentName,
  incarnation: text,
  renewed: whole,
});
