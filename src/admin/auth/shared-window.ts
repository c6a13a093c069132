// A limit of calls of one client network that all control planes of an installation share.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { clientNetwork } from "../../policy/client-network.ts";
import type { Store } from "../store/store.ts";

interface SharedWindowOptions {
  readonly store: Pick<Store, "countShared">;
  /** Names what is counted. */
  readonly name: string;
  readonly max: number;
  readonly windowS: number;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

/** To be called after the limit of this process, which keeps a flood from the database. Throws ApiError RATE_LIMITED. */
export async function takeShared(options: SharedWindowOptions, address: string): Promise<void> {
  const { store, name, max, windowS, now } = options;
  const counted = await store.countShared(`${name} ${clientNetwork(address)}`, windowS);
  if (counted === null || counted.used <= max) return;
  const waitS = Math.max(1, Math.ceil(counted.endS - now() / 1000));
  throw new ApiError(ErrorCode.RATE_LIMITED, [], waitS);
}
