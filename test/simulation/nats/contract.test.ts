/** The simulated NATS keeps the contract that the real servers keep. */

import { simulatedNats } from '../../contract/nats/simulated-world.ts';
import { natsContract } from '../../contract/nats.ts';

for (const seed of [1, 2, 3]) natsContract(simulatedNats(seed));
