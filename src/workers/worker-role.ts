/** The hidden role of a gate process on the command line. */
export const WORKER_ROLE = "gate-worker";
