/** The connectors there are. An explicit list: nothing registers itself. */
import type { Connector } from '../engine/graph/connector.ts';
import { console } from './console/console.ts';
import { file } from './file/file.ts';
import { generate } from './generate/generate.ts';
import { http } from './http/http.ts';
import { jetstream } from './jetstream/jetstream.ts';
import { mqtt } from './mqtt/mqtt.ts';
import { nats } from './nats/nats.ts';
import { postgres } from './postgres/postgres.ts';

export const connectors: readonly Connector[] = [file, nats, jetstream, mqtt, http, postgres, generate, console];
