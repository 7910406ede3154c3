/** `--sites plant-7:edge,hub:cloud:gpu:workers=4`: sites that a graph is to be placed on, without agents being there. */
import type { AgentInfo } from '../../engine/compile/distribute.ts';
import { type CloudskinError, userError } from '../../engine/errors.ts';

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const LABEL = /^[A-Za-z0-9._-]+(=[A-Za-z0-9._-]+)?$/;
const DEVICES: readonly string[] = ['cpu', 'gpu', 'fpga'];
/** Of an agent that says nothing. */
const WORKERS = 2;

/** Commander's collector. Throws `cli.bad-sites`. */
export function collectSites(text: string, sofar: readonly AgentInfo[]): readonly AgentInfo[] {
  const sites = text.split(',').map(readSite);
  const all = [...sofar, ...sites];
  const names = all.map(({ site }) => site);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw wrong(text, `site ${twice} comes twice`);
  return all;
}

/** One agent a site, called `agent`. */
function readSite(text: string): AgentInfo {
  const [site = '', tier, ...more] = text.trim().split(':');
  if (!NAME.test(site)) throw wrong(text, `${site || 'nothing'} is no name of a site`);
  if (tier !== 'edge' && tier !== 'cloud') throw wrong(text, `${tier ?? 'nothing'} is no tier: edge or cloud`);
  let workers = WORKERS;
  const devices: string[] = [];
  const labels: string[] = [];
  for (const word of more) {
    const count = /^workers=(\d{1,3})$/.exec(word)?.[1];
    if (count !== undefined && Number(count) > 0) workers = Number(count);
    else if (word.startsWith('workers=')) throw wrong(text, `${word}: expected a number from 1 to 999`);
    else if (DEVICES.includes(word)) devices.push(word);
    else if (LABEL.test(word)) labels.push(word);
    else throw wrong(text, `${word || 'nothing'} is no label, device or workers=N`);
  }
  return { site, agent: 'agent', tier, labels, devices, workers };
}

function wrong(text: string, what: string): CloudskinError {
  return userError('cli.bad-sites', `--sites ${text}: ${what}`, {
    hint: 'for example --sites plant-7:edge:rack=7,hub:cloud:gpu:workers=4',
  });
}
