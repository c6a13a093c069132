// Bounds on guessing passwords: failures by network, and how many hashes are computed at a time.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { WindowLimiter } from "./window-limiter.ts";

/** Failed logins of one network. */
const failures = { max: 1000, windowS: 30 * 60 };
/** argon2id fills a core and some 64 MiB while it runs. */
const hashesAtOnceMax = 2;
/** Logins that wait for their turn; more are turned away at once. */
const waitingMax = 64;
/** When to come back after being turned away for want of a turn. */
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
   * Runs one check of a password; `check` answers whether it succeeded. Counts as a failure until it has. Throws ApiError
   * RATE_LIMITED, with when to come back, for a network with too many failures or while too many others wait.
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

  /** Runs one piece of work that costs a hash when its turn comes. Throws ApiError RATE_LIMITED. */
  async inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#running < hashesAtOnceMax) this.#running++;
    else if (this.#waiting.length < waitingMax) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else throw new ApiError(ErrorCode.RATE_LIMITED, [], busyRetryS);
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The turn is handed on, or given back.
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
