/** The simulated NATS keeps the contract that the real servers keep. */

import { simulatedNats } from '../../../test/contract/nats/simulated-world.ts';
import { natsContract } from '../../../test/contract/nats.ts';

for (const seed of [1, 2, 3]) natsContract(simulatedNats(seed));
