/** Every implementation of engine/nats/nats.ts keeps its contract. */

import { realNats } from '../../test/contract/nats/real-world.ts';
import { natsContract } from '../../test/contract/nats.ts';

natsContract(realNats('installed'));
natsContract(realNats('newest'));
