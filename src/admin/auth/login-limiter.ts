// Limits password guessing and the work that it costs, without locking out those who know their password.
import { hash } from "node:crypto";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { TokenBuckets } from "../../guard/token-buckets.ts";
import { clientNetwork } from "../../policy/client-network.ts";
import type { LimitStore } from "../store/store.ts";
import { GrowingDelays } from "./growing-delays.ts";
import { type HashOrigin, HashQueue } from "./hash-queue.ts";
import { KnownNetworks } from "./known-networks.ts";

export const loginLimits = {
  /** Failures for one account from one client network: ten, then one after 1, 2, 4… seconds, at most 15 minutes apart. */
  fromNetwork: { free: 10, delayMaxS: 900, forgetS: 1800, keysMax: 20_000 },
  /** Failures for one account from everywhere. The delay is short: it also holds up the owner in a new place. */
  ofAccount: { free: 100, delayMaxS: 60, forgetS: 1800, keysMax: 20_000 },
  /** Hashes that one client network may cause, whether the password is right or wrong. */
  work: { burst: 1500, perSecond: 1 },
  /** Hashes for an account in a network that it has logged in from, when the network has used up its own. */
  reserve: { burst: 20, perSecond: 1 / 30 },
} as const;

/** One attempt to log in. */
export interface LoginAttempt {
  readonly clientAddress: string;
  /** What it counts under: the name as it was sent, whether such an account exists or not, as limits must not tell the difference. */
  readonly account: string;
}

/**
 * - Failures count for an account and the client network, and for an account alone. Others in that network are not affected.
 * - Work counts for a client network, and hashes wait in a queue that is fair to networks.
 * - Where an account has logged in before, it is exempt from what others cause: from the account's own delay and from the work of
 *   its network. A wrong password there is answered as if it were not, so that nobody learns where an account logs in from.
 * - Failures are counted for all control planes: each delays as if it had seen all of them, from the first that it sees itself.
 */
export class LoginLimiter {
  readonly #queue = new HashQueue();
  readonly #fromNetwork: GrowingDelays;
  readonly #ofAccount: GrowingDelays;
  readonly #work: TokenBuckets;
  readonly #reserve: TokenBuckets;
  readonly #known = new KnownNetworks();
  readonly #countShared: LimitStore["countShared"] | null;

  /** `nowS`: the clock, in seconds. `countShared`: unset: there is one control plane. */
  constructor(nowS: () => number, countShared: LimitStore["countShared"] | null = null) {
    this.#countShared = countShared;
    this.#fromNetwork = new GrowingDelays(loginLimits.fromNetwork, nowS);
    this.#ofAccount = new GrowingDelays(loginLimits.ofAccount, nowS);
    this.#work = new TokenBuckets(loginLimits.work, nowS);
    this.#reserve = new TokenBuckets(loginLimits.reserve, nowS);
  }

  /**
   * Runs one password check; `check` resolves to whether it succeeded, and computes one hash. The attempt counts as a failure
   * until it has succeeded, so that parallel attempts cannot exceed the limit. Throws ApiError RATE_LIMITED with a retry time.
   */
  async attempt(attempt: LoginAttempt, check: () => Promise<boolean>): Promise<boolean> {
    const origin = originOf(attempt);
    const { network, account } = origin;
    const pair = `${network} ${account}`;
    refuseFor(this.#fromNetwork.waitS(pair));
    const isKnown = this.#known.has(account, network);
    const accountWaitS = this.#ofAccount.waitS(account);
    if (!isKnown) refuseFor(accountWaitS);
    const work = this.#takeWork(network, isKnown ? pair : null);
    const counted = [this.#fromNetwork.add(pair), this.#ofAccount.add(account)];
    const takeBack = () => {
      for (const take of counted) take();
    };
    const succeeded = await this.#run(origin, work.giveBack, check).catch((error: unknown) => {
      takeBack();
      throw error;
    });
    if (succeeded) {
      takeBack();
      this.#known.add(account, network);
    } else {
      await Promise.all([
        this.#share("from network", this.#fromNetwork, pair, loginLimits.fromNetwork.forgetS),
        this.#share("of account", this.#ofAccount, account, loginLimits.ofAccount.forgetS),
      ]);
      refuseFor(Math.max(accountWaitS, work.waitS));
    }
    return succeeded;
  }

  async #share(kind: string, delays: GrowingDelays, key: string, windowS: number): Promise<void> {
    const counted = await this.#countShared?.(`login ${kind} ${key}`, windowS);
    if (counted !== undefined && counted !== null) delays.raise(key, counted.used);
  }

  /** Runs other work that computes a password hash. Throws ApiError RATE_LIMITED with a retry time. */
  async hashing<Result>(attempt: LoginAttempt, work: () => Promise<Result>): Promise<Result> {
    const origin = originOf(attempt);
    return this.#run(origin, this.#takeWork(origin.network, null).giveBack, work);
  }

  /** `pair`: names the reserve that is used when the network has used up its work; null: none. */
  #takeWork(network: string, pair: string | null): { waitS: number; giveBack: () => void } {
    const waitS = this.#work.take(network, 1);
    if (waitS === 0) return { waitS, giveBack: () => this.#work.charge(network, -1) };
    if (pair === null || this.#reserve.take(pair, 1) > 0) refuseFor(waitS);
    return { waitS, giveBack: () => {} };
  }

  /** `giveBack`: called when the work did not run. */
  async #run<Result>(
    origin: HashOrigin,
    giveBack: () => void,
    work: () => Promise<Result>,
  ): Promise<Result> {
    let ran = false;
    try {
      return await this.#queue.run(origin, () => {
        ran = true;
        return work();
      });
    } finally {
      if (!ran) giveBack();
    }
  }
}

/** The account as a digest: names can be long. Case is folded because the lookup of e-mail addresses folds it. */
function originOf({ clientAddress, account }: LoginAttempt): HashOrigin {
  return {
    network: clientNetwork(clientAddress),
    account: hash("sha256", account.toLowerCase(), "base64"),
  };
}

/** Throws ApiError RATE_LIMITED if there is a time to wait. */
function refuseFor(waitS: number): void {
  if (waitS > 0) throw new ApiError(ErrorCode.RATE_LIMITED, [], Math.ceil(waitS));
}
