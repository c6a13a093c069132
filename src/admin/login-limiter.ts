// Bounds on guessing passwords: failures by address, and how many hashes are computed at a time.
import { Refused } from "../../proto/call.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";

/** Failed logins of one address in one window. */
const failuresMax = 1000;
const windowS = 30 * 60;
/** Addresses remembered; the oldest is forgotten for a new one. */
const addressesMax = 10_000;
/** argon2id fills a core and some 64 MiB while it runs. */
const hashesAtOnceMax = 2;
/** Logins that wait for their turn; more are turned away at once. */
const waitingMax = 64;
/** When to come back after being turned away for want of a turn. */
const busyRetryS = 5;

interface Failures {
  count: number;
  readonly windowEndS: number;
}

export class LoginLimiter {
  readonly #nowS: () => number;
  readonly #failures = new Map<string, Failures>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** `nowS`: the clock, in seconds. */
  constructor(nowS: () => number) {
    this.#nowS = nowS;
  }

  /**
   * Runs one check of a password; `check` answers whether it succeeded. Throws Refused RATE_LIMITED, with when to come back,
   * for an address with too many failures or while too many others wait.
   */
  async attempt(address: string, check: () => Promise<boolean>): Promise<boolean> {
    const known = this.#present(address);
    if (known !== undefined && known.count >= failuresMax) {
      const waitS = Math.ceil(known.windowEndS - this.#nowS());
      throw new Refused(ErrorCode.RATE_LIMITED, [], waitS);
    }
    const succeeded = await this.inTurn(check);
    if (!succeeded) this.#count(address);
    return succeeded;
  }

  /** Runs one piece of work that costs a hash when its turn comes. Throws Refused RATE_LIMITED. */
  async inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#running < hashesAtOnceMax) this.#running++;
    else if (this.#waiting.length < waitingMax) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else throw new Refused(ErrorCode.RATE_LIMITED, [], busyRetryS);
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The turn is handed on, or given back.
      if (next === undefined) this.#running--;
      else next();
    }
  }

  #present(address: string): Failures | undefined {
    const known = this.#failures.get(address);
    if (known === undefined || known.windowEndS > this.#nowS()) return known;
    this.#failures.delete(address);
    return undefined;
  }

  #count(address: string): void {
    const known = this.#present(address);
    if (known !== undefined) {
      known.count++;
      return;
    }
    const [oldest] = this.#failures.keys();
    if (this.#failures.size >= addressesMax && oldest !== undefined) this.#failures.delete(oldest);
    this.#failures.set(address, { count: 1, windowEndS: this.#nowS() + windowS });
  }
}
