/** What follows batches through a fragment, where somebody wants that. */
import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import { Tracer } from '../../metrics/trace.ts';
import type { Ports } from '../../ports.ts';
import type { RuntimeOptions } from '../options.ts';

export function tracerOf(
  plan: FragmentPlan,
  { traces }: RuntimeOptions,
  epoch: number,
  ports: Ports,
): Tracer | undefined {
  if (traces === undefined) return undefined;
  const { namespace, app, name, region, revision, host } = plan;
  return new Tracer(traces, ports, {
    'cloudskin.namespace': namespace,
    'cloudskin.app': app,
    'cloudskin.fragment': name,
    'cloudskin.region': region,
    'cloudskin.site': host.site,
    'cloudskin.agent': host.agent,
    'cloudskin.revision': revision,
    'cloudskin.epoch': epoch,
  });
}
