/** Credentials, permissions and TLS of a continuum, on the installed nats-server. */
import { securedContinuum } from './suite.ts';

securedContinuum('installed');
