/** What the user said of a site. */
import { type Versioned, versions } from './document.ts';
import { flag, type Read, shape, text, whole } from './read-json.ts';

/** `sites.<site>`: what the user said of a site. */
export interface SiteDocument extends Versioned {
  readonly site: string;
  /** Its agents are gone for good, as far as anyone is concerned: what they ran may run elsewhere. */
  readonly forgotten: boolean;
  /** Nothing new goes there, and what can move moves away. */
  readonly draining: boolean;
  readonly changed: number;
}

export const siteDocument: Read<SiteDocument> = shape<SiteDocument>({
  ...versions,
  site: text,
  forgotten: flag,
  draining: flag,
  changed: whole,
});
