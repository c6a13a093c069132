// Events of refusals: failed logins, lock-outs and writes that the caller may not do. Their number is bounded: a client that is
// refused over and over must not fill the disk.
import type { Message } from "@bufbuild/protobuf";
import type { ApiError, Call } from "../../../proto/call.ts";
import { refusalOf } from "../../../proto/errors.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { TokenBuckets } from "../../guard/token-buckets.ts";
import { clientNetwork } from "../../policy/client-network.ts";
import { LoginRefused } from "../auth/login-refused.ts";
import type { NewEvent } from "../store/event-records.ts";
import type { ResourceKey } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { type Audited, type originOf, pathOf } from "./audit.ts";

/** Of one network, and of all. */
export const refusalLimits = {
  network: { burst: 60, perSecond: 60 / 3600 },
  all: { burst: 2000, perSecond: 2000 / 3600 },
} as const;

/** Begins the field that says how many before were not recorded: anybody's, so it is for operators. */
export const NOT_RECORDED = "not_recorded:";

/** What a refused call was about, as far as it came. */
export interface Refused {
  readonly call: Call;
  readonly audited: Audited | null;
  readonly origin: ReturnType<typeof originOf>;
  /** Seen by the caller, who may not do this with it; null: not seen, or nothing. */
  readonly within: ResourceKey | null;
  /** Null: refused before it was read. */
  readonly message: Message | null;
}

export class RefusalEvents {
  readonly #store: Pick<Store, "recordEvent">;
  readonly #ofNetwork: TokenBuckets;
  readonly #ofAll: TokenBuckets;
  /** Not recorded since the last that was. */
  #dropped = 0;

  /** `nowS`: the clock, in seconds. */
  constructor(store: Pick<Store, "recordEvent">, nowS: () => number) {
    this.#store = store;
    this.#ofNetwork = new TokenBuckets(refusalLimits.network, nowS);
    this.#ofAll = new TokenBuckets(refusalLimits.all, nowS);
  }

  /** Rejects when the store does. */
  async record(error: ApiError, refused: Refused): Promise<void> {
    const event = eventOf(error, refused);
    if (event === null) return;
    const network = clientNetwork(refused.call.clientAddress);
    if (this.#ofAll.waitS("", 1) > 0 || this.#ofNetwork.take(network, 1) > 0) {
      this.#dropped++;
      return;
    }
    this.#ofAll.charge("", 1);
    const dropped = this.#dropped;
    this.#dropped = 0;
    const fields = dropped === 0 ? [] : [`${NOT_RECORDED}${dropped}`];
    try {
      await this.#store.recordEvent({ ...event, fields });
    } catch (error) {
      this.#dropped += dropped + 1;
      throw error;
    }
  }
}

/** Null: none is left. */
function eventOf(
  error: ApiError,
  { call, audited, origin, within, message }: Refused,
): Omit<NewEvent, "fields"> | null {
  const { code, http } = refusalOf(error.code);
  const plain = {
    ...{ ...origin, code, versionBefore: null, versionAfter: null },
    method: audited?.verb ?? null,
    path: audited === null ? null : pathOf(audited, call, message),
    status: http,
  };
  if (error instanceof LoginRefused) {
    const isLocked = error.code === ErrorCode.RATE_LIMITED;
    return {
      ...plain,
      kind: isLocked ? "auth.login.locked" : "auth.login.failed",
      attempted: null,
      resourceKind: error.userId === null ? null : "user",
      resourceId: error.userId,
    };
  }
  if (audited === null || origin.actorId === null || http !== 403) return null;
  return {
    ...plain,
    kind: "call.refused",
    attempted: audited.kind,
    resourceKind: within?.kind ?? null,
    resourceId: within?.id ?? null,
  };
}
