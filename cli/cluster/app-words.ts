/** How an app is called in what people read, and how they name it to a command: the namespace where it is not `default`. */
import type { AppName } from '../../engine/cluster/documents/names.ts';

/** `shop`, `test/shop`. */
export function appTitle({ namespace, app }: AppName): string {
  return namespace === 'default' ? app : `${namespace}/${app}`;
}

/** `shop`, `shop -n test`: behind the name of a command. */
export function appArguments({ namespace, app }: AppName): string {
  return namespace === 'default' ? app : `${app} -n ${namespace}`;
}
