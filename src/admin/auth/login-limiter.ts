// Limits password guessing: failed logins per network, and concurrent password hashes.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { WindowLimiter } from "./window-limiter.ts";

/** Failed logins per network. */
const failures = { max: 1000, windowS: 30 * 60 };
/** One argon2id hash occupies a core and about 64 MiB. */
const hashesAtOnceMax = 2;
/** Logins in the queue; further ones are refused at once. */
const waitingMax = 64;
/** `Retry-After` when the queue is full, in seconds. */
const busyRetryS = 5;

export class LoginLimiter {
  readonly #failures: WindowLimiter;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** `nowS`: the clock, in seconds. */
  constructor(nowS: () => number) {
    this.#failures = new WindowLimiter(failures, nowS);
  }

  /**
   * Runs one password check; `check` resolves to whether it succeeded. The attempt counts as a failure until it has succeeded,
   * so that parallel attempts cannot exceed the limit. Throws ApiError RATE_LIMITED with a retry time when the network has too
   * many failures or the queue is full.
   */
  async attempt(address: string, check: () => Promise<boolean>): Promise<boolean> {
    const takeBack = this.#failures.take(address);
    let failed = false;
    try {
      failed = !(await this.inTurn(check));
      return !failed;
    } finally {
      if (!failed) takeBack();
    }
  }

  /** Queues work that computes a password hash. Throws ApiError RATE_LIMITED when the queue is full. */
  async inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#running < hashesAtOnceMax) this.#running++;
    else if (this.#waiting.length < waitingMax) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else throw new ApiError(ErrorCode.RATE_LIMITED, [], busyRetryS);
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // Pass the slot to the next in the queue, or free it.
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
