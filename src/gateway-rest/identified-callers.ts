// Whose bodies a gateway reads and takes apart: those of callers that a control plane has identified lately, each in measure.
import { createHash } from "node:crypto";
import { getOption } from "@bufbuild/protobuf";
import { ApiError, type Call, type Measure } from "../../proto/call.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import { CallerKind, requires } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { TokenBuckets } from "../guard/token-buckets.ts";

/** How long a caller counts as identified, in seconds. The control plane identifies it for each call anyway. */
const KNOWN_S = 60;
const CALLERS_MAX = 10_000;
/** Milliseconds of work that reading may take: at once, and regained in a second. */
const work = { burst: 2_000, perSecond: 200 } as const;

export class IdentifiedCallers {
  readonly #nowS: () => number;
  readonly #networkOf: (address: string) => string;
  readonly #work: TokenBuckets;
  /** Until when each counts, the oldest first. */
  readonly #untilS = new Map<string, number>();

  /** `nowS`: the clock, in seconds. `networkOf`: the client network of an address. */
  constructor(nowS: () => number, networkOf: (address: string) => string) {
    this.#nowS = nowS;
    this.#networkOf = networkOf;
    this.#work = new TokenBuckets(work, nowS);
  }

  /** Whether its message may be read: anybody may send it, it takes no body, or its caller was identified. */
  mayRead(call: Call): boolean {
    if (call.hasBody === false || isPublic(call)) return true;
    return (this.#untilS.get(this.#keyOf(call)) ?? 0) > this.#nowS();
  }

  identified(call: Call): void {
    const key = this.#keyOf(call);
    this.#untilS.delete(key);
    this.#untilS.set(key, this.#nowS() + KNOWN_S);
    const [oldest] = this.#untilS.keys();
    if (this.#untilS.size > CALLERS_MAX && oldest !== undefined) this.#untilS.delete(oldest);
  }

  /** Charges the caller for reading; of public methods its network. */
  measure(call: Call): Measure {
    const key = isPublic(call) ? this.#networkOf(call.clientAddress) : this.#keyOf(call);
    return (read) => {
      const waitS = this.#work.waitS(key, 0);
      if (waitS > 0) throw new ApiError(ErrorCode.RATE_LIMITED, [], Math.ceil(waitS));
      const startMs = performance.now();
      try {
        return read();
      } finally {
        this.#work.charge(key, performance.now() - startMs);
      }
    };
  }

  /** Of the same credential from elsewhere nothing is known: an `ip_whitelist` may refuse it. */
  #keyOf({ credential, clientAddress }: Call): string {
    const digest = createHash("sha256")
      .update(credential ?? "")
      .digest("base64");
    return `${digest} ${this.#networkOf(clientAddress)}`;
  }
}

function isPublic({ method }: Call): boolean {
  return getOption(method, requires).caller === CallerKind.PUBLIC;
}
