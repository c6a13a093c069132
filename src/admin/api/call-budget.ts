// How much of the event loop one caller may use, and the slices in which heavy work uses it.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { eventLoopSlices, type Slices } from "../../guard/slices.ts";
import { TokenBuckets } from "../../guard/token-buckets.ts";
import type { Steps } from "../../policy/steps.ts";

export const callBudgetLimits = {
  /** Milliseconds of work that a caller may cause at once. */
  burst: 10_000,
  /** Milliseconds of work that a caller regains in a second. */
  perSecond: 200,
  /** What every call costs at least, in milliseconds. */
  callMs: 0.5,
  /** Debt at which calls that are under way are refused, in milliseconds: many at once must not go around the budget. */
  debtMax: 1000,
} as const;

/** Budgets of all callers: users, and for calls without one client networks. */
export class CallBudgets {
  readonly #buckets: TokenBuckets;
  readonly #slices: Slices;

  /** `nowS`: the clock, in seconds. */
  constructor(nowS: () => number, slices: Slices = eventLoopSlices) {
    this.#buckets = new TokenBuckets(callBudgetLimits, nowS);
    this.#slices = slices;
  }

  /** Begins a call of this caller. Throws ApiError RATE_LIMITED with a retry time when the budget is used up. */
  begin(key: string): CallWork {
    const waitS = this.#buckets.waitS(key, callBudgetLimits.callMs);
    if (waitS > 0) throw tooMuch(waitS);
    this.#buckets.charge(key, callBudgetLimits.callMs);
    return new CallWork(this.#slices, key, (ms) => this.#charge(key, ms));
  }

  #charge(key: string, ms: number): void {
    this.#buckets.charge(key, ms);
    if (this.#buckets.waitS(key, -callBudgetLimits.debtMax) > 0) {
      throw tooMuch(this.#buckets.waitS(key, callBudgetLimits.callMs));
    }
  }
}

/** The work of one call, charged to its caller. */
export class CallWork {
  readonly #slices: Slices;
  readonly #key: string;
  readonly #charge: (ms: number) => void;

  constructor(slices: Slices, key: string, charge: (ms: number) => void) {
    this.#slices = slices;
    this.#key = key;
    this.#charge = charge;
  }

  /** Runs heavy work in slices. Throws ApiError RATE_LIMITED when the caller's budget ends meanwhile. */
  run<Result>(steps: Steps<Result>): Promise<Result> {
    return this.#slices.run(steps, { key: this.#key, charge: this.#charge });
  }

  /** Runs short work at once. Throws as `run`. */
  measure<Result>(work: () => Result): Result {
    const startMs = performance.now();
    const result = work();
    this.#charge(performance.now() - startMs);
    return result;
  }
}

function tooMuch(waitS: number): ApiError {
  return new ApiError(ErrorCode.RATE_LIMITED, [], Math.ceil(waitS));
}
