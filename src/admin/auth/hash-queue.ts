// The queue for password hashes: one argon2id hash occupies a core and about 64 MiB.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";

export const hashQueueLimits = {
  /** Hashes at once. One client network has one of them at most, and so has one account. */
  places: 2,
  /** Waiting hashes in all. Beyond it the network with most in the queue loses its newest. */
  waitingMax: 256,
  /** Waiting hashes of one client network. */
  waitingPerNetworkMax: 32,
  /** Waiting hashes for one account. */
  waitingPerAccountMax: 32,
  /** `Retry-After` of a refusal, in seconds. */
  retryS: 5,
} as const;

/** Who causes a hash. */
export interface HashOrigin {
  /** The client network, see clientNetwork. */
  readonly network: string;
  /** Names the account, whether it exists or not. */
  readonly account: string;
}

interface Waiting extends HashOrigin {
  readonly start: () => void;
  readonly refuse: () => void;
}

/** Round robin over client networks; within one, first come, first served. */
export class HashQueue {
  /** Waiting hashes by network; the network whose turn is next comes first. */
  readonly #lanes = new Map<string, Waiting[]>();
  readonly #running = new Set<HashOrigin>();
  #waiting = 0;

  /** Hashes in the queue, without those that run. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Runs work that computes a hash. Throws ApiError RATE_LIMITED when the queue has no room for it. */
  async run<Result>(origin: HashOrigin, work: () => Promise<Result>): Promise<Result> {
    await this.#place(origin);
    try {
      return await work();
    } finally {
      this.#running.delete(origin);
      this.#startNext();
    }
  }

  /** Resolves when the hash may run. */
  #place(origin: HashOrigin): Promise<void> {
    if (!this.#makeRoom(origin)) return Promise.reject(queueIsFull());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const start = () => {
      this.#running.add(origin);
      resolve();
    };
    const lane = this.#lanes.get(origin.network) ?? [];
    lane.push({ ...origin, start, refuse: () => reject(queueIsFull()) });
    this.#lanes.set(origin.network, lane);
    this.#waiting++;
    this.#startNext();
    return promise;
  }

  #makeRoom({ network, account }: HashOrigin): boolean {
    const { waitingMax, waitingPerNetworkMax, waitingPerAccountMax } = hashQueueLimits;
    const lanes = [...this.#lanes.values()];
    const own = this.#lanes.get(network)?.length ?? 0;
    const sameAccount = lanes.flat().filter((waiting) => waiting.account === account).length;
    if (own >= waitingPerNetworkMax || sameAccount >= waitingPerAccountMax) return false;
    if (this.#waiting < waitingMax) return true;
    const longest = lanes.reduce((one, other) => (other.length >= one.length ? other : one), []);
    if (longest.length <= own) return false;
    const last = longest.at(-1);
    if (last !== undefined) this.#remove(longest, last);
    last?.refuse();
    return true;
  }

  #startNext(): void {
    while (this.#running.size < hashQueueLimits.places) {
      const next = this.#next();
      if (next === undefined) return;
      const [lane, waiting] = next;
      this.#remove(lane, waiting);
      // The network's next turn comes after everyone else's.
      if (lane.length > 0) {
        this.#lanes.delete(waiting.network);
        this.#lanes.set(waiting.network, lane);
      }
      waiting.start();
    }
  }

  #next(): [Waiting[], Waiting] | undefined {
    const running = [...this.#running];
    for (const [network, lane] of this.#lanes) {
      if (running.some((one) => one.network === network)) continue;
      const waiting = lane.find(({ account }) => running.every((one) => one.account !== account));
      if (waiting !== undefined) return [lane, waiting];
    }
    return undefined;
  }

  #remove(lane: Waiting[], waiting: Waiting): void {
    lane.splice(lane.indexOf(waiting), 1);
    if (lane.length === 0) this.#lanes.delete(waiting.network);
    this.#waiting--;
  }
}

function queueIsFull(): ApiError {
  return new ApiError(ErrorCode.RATE_LIMITED, [], hashQueueLimits.retryS);
}
