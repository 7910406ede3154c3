/**
 * What the control plane measures in time, all in milliseconds, in one place: these figures depend on each other. `timing.test.ts` holds what follows.
 *
 *     a lost agent        BEAT x 4 = LOST_AFTER <= 1 s; another of its site is warm after half of that
 *     a lost coordinator  LEASE_RENEW + LEASE_TEND < LEASE_BELIEVED < LEASE_EXPIRES, and LEASE_EXPIRES + 2 x LEASE_TEND <= 5 s
 *     a silent site       LOST_AFTER < PASSED_OVER < REBUILT_AFTER
 *     a handover          LETS_GO < STOPPING, LAST_CHECKPOINT + STOPPING < HANDOVER < ABANDONED
 *     a leaving agent     LEAVING_CHECKPOINT < LEAVING_CHECKPOINTS, LEAVING_CHECKPOINTS + LEAVING_LETS_GO <= 5 s, and so PARTING + PARTED_CHECKPOINTS
 *     a restored server   LOOK_AGAIN and HOUSEKEEPING several times within RETURN
 */

// Who is there (`presence/`)

/** Between two signs of life of an agent. */
export const BEAT = 250;
/** Of silence, after which an agent counts as lost: three beats may be late or lost. */
export const LOST_AFTER: number = 4 * BEAT;
/** Of silence, after which another one gets ready: more than a beat that is late. */
export const READY_AFTER: number = LOST_AFTER / 2;
/** Between two whole statuses where nothing has changed, so that figures stay fresh. */
export const STATUS_EVERY = 1_000;
/** After an agent's start, in which every beat is a whole status: who listens may come to hear of it late. */
export const STATUSES_AT_FIRST = 5_000;
/** After an agent found that it had been taken for lost, in which it says so when it is asked for its name. */
export const INTERRUPTED = 5_000;
/** That the holder of a name, an agent of a site, or the cloud has to answer who begins; one that stands still has lost its name, as it has lost what it leads. */
export const NAME_ANSWERS = 600;
/** Of silence, after which nobody is told any more of an agent. */
export const REMEMBERED = 86_400_000;
/** That an agent of the cloud has to say where the control documents are. */
export const WHERE_ANSWERS = 1_000;

// Who coordinates (`coordinator/`)

/** Between two looks at the lease. */
export const LEASE_TEND = 500;
/** Since its holder renewed it, after which it does so again. */
export const LEASE_RENEW = 1_000;
/** Since it was renewed, for which its holder believes to have it: it stops before anybody else may begin to. */
export const LEASE_BELIEVED = 2_500;
/** Since it was seen to change, after which another one takes it. */
export const LEASE_EXPIRES = 3_000;
/** That a new coordinator has to read the control documents. */
export const DOCUMENTS_OPEN = 10_000;
/** That it listens before it takes anybody's silence for a loss. */
export const LISTEN: number = LOST_AFTER + 2 * BEAT;
/** That the agents of a server which was gone have to come back: the longest pause between two attempts to connect, and a beat. */
export const COMES_BACK = 3_500;
/** That agents have to give back what a server has lost. */
export const GIVE_BACK = 3_000;
/** That agents have to be heard of before an app counts as impossible to place. */
export const UNPLACED = 1_500;
/** Of silence, after which an agent is given nothing new. */
export const PASSED_OVER = 5_000;
/** Of silence of a whole site, after which what may be rebuilt goes on elsewhere. */
export const REBUILT_AFTER = 10_000;

// Leading a region (`region/`)

/** Between two looks where nothing tells when to look. */
export const LEADER_LOOKS = 250;
/** Until a wish is sent again that is not fulfilled, and one that is. */
export const WISH_UNFULFILLED = 300;
export const WISH_FULFILLED = 1_000;
/** Since every fragment was heard, in which its leader completes a checkpoint: who was out of touch may have been replaced, and first listens. */
export const IN_TOUCH: number = 5 * WISH_FULFILLED;
/** After which a checkpoint that does not come about is given up, or else a few times its interval. */
export const CHECKPOINT_PATIENCE = 30_000;
/** Before another attempt where something waits for it. */
export const CHECKPOINT_SOON = 500;
/** Before a region is started for the third time, and at most. */
export const RESTART_FIRST = 200;
export const RESTART_LONGEST = 30_000;
/** A run that has come so far counts as a success. */
export const STABLE = 60_000;

// Ending and handing over (`region/`, `fragment/`)

/** That a fragment has to let go before its worker is ended. */
export const LETS_GO = 5_000;
/** That a leader gives to the last checkpoint, and then to its fragments for stopping. */
export const LAST_CHECKPOINT = 8_000;
export const STOPPING: number = LETS_GO + 1_000;
/** That a new leader waits for the former one to do so. */
export const HANDOVER = 15_000;
/** That new fragments have to be ready to take over from those that run, state that is copied ahead included; and that those have to end when all is taken. */
export const PREPARES = 300_000;
export const FINISHES = 10_000;
/** That new fragments have to take over once something else is wanted of their region. */
export const SWITCHES: number = LAST_CHECKPOINT;
/** That a fragment goes on without a leader's word, once it is to run elsewhere. */
export const ABANDONED = 20_000;

// Leaving (`agent.ts`)

/** That an agent gives to the last checkpoint of a region that it leads. */
export const LEAVING_CHECKPOINT: number = LAST_CHECKPOINT / 3;
/** That one which wants others to take over what it runs waits for the coordinator to say what they take. */
export const PARTING_ANSWERS = 800;
/** That it gives to that, unless it is told otherwise; what is left for a last checkpoint then, at least. */
export const PARTING = 2_500;
export const PARTED_CHECKPOINTS = 600;
/** That it gives to all of them, and then to letting go of everything. */
export const LEAVING_CHECKPOINTS = 3_200;
export const LEAVING_LETS_GO = 1_200;

// What is on disk, and servers that were restored (`memory/`, `plans/`)

/** To wait for the control documents before what is on disk is gone by. */
export const DISK_AFTER = 1_500;
/** Between two looks at what the watches should have told: one that slept while its server went back and on again has not seen it. */
export const LOOK_AGAIN = 10_000;
/** Between two rounds of putting back what is lost and deleting what is over. */
export const HOUSEKEEPING = 5_000;
/** That agents have to come back with what a restored server has lost, before an earlier checkpoint is used. */
export const RETURN = 60_000;
/** For which nothing has named what is deleted from the disk: an assignment may be on its way. */
export const UNNAMED = 60_000;
