/** Credentials, permissions and TLS of a continuum, on the newest nats-server. */
import { securedContinuum } from './suite.ts';

securedContinuum('newest');
