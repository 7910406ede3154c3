/** The connectors there are. An explicit list: nothing registers itself. */
import type { Connector } from '../engine/graph/connector.ts';
import { file } from './file/file.ts';

export const connectors: readonly Connector[] = [file];
