// EnforcementService: whether a write is enforced everywhere.
import { create } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import {
  EnforcementSchema,
  EnforcementService,
  type GetEnforcementRequest,
} from "../../../proto/gen/realmgate/v1/enforcement_pb.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { KeyedLimit } from "../../guard/keyed-limit.ts";
import { lineageOf } from "../../policy/lineage.ts";
import type { Context, Implementation } from "../api/dispatch.ts";
import { lackingFreedom } from "../api/lacking.ts";
import type { RevisionTokens } from "../api/revision.ts";
import type { ChangeCursor } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { enforces, isLeaseOver } from "./process-status.ts";

/** How far a revision is in the processes that do not follow the feed as nodes: those of `serve`. */
export type LocalEnforcement = (
  revision: bigint,
  waitMs: number,
) => Promise<{ readonly enforced: number; readonly of: number; readonly server: string }>;

export interface EnforcementServiceParts {
  readonly store: Store;
  readonly revisions: Pick<RevisionTokens, "open">;
  /** Unset: there are none. */
  readonly localEnforcement?: LocalEnforcement | null;
}

/** How often those that do not enforce it yet are looked at, in milliseconds. */
const LOOK_MS = 100;
/** Calls of one account that wait at a time. */
const WAITING_MAX = 32;

interface Progress {
  readonly enforced: number;
  readonly of: number;
  readonly lagging: readonly string[];
}

export function enforcementService(parts: EnforcementServiceParts): Implementation {
  const waiting = new KeyedLimit(WAITING_MAX);
  const looks = new SharedLooks(parts.store);
  return {
    service: EnforcementService,
    methods: {
      async getEnforcement(
        { revision: token, waitMs }: GetEnforcementRequest,
        { caller, scope }: Context,
      ) {
        // When everybody's last write is enforced tells of other realms that there was one.
        if (token === "" && scope.confinedTo !== null) throw lackingFreedom();
        const { id } = caller.user;
        if (!waiting.enter(id)) throw new ApiError(ErrorCode.RATE_LIMITED, [], 1);
        try {
          const { enforced, of, lagging } = await wait(parts, looks, token, waitMs);
          const complete = enforced === of;
          const fields = { complete, enforced, of, lagging: [...lagging] };
          return { message: create(EnforcementSchema, fields) };
        } finally {
          waiting.leave(id);
        }
      },
    },
  };
}

type Read = Pick<Store, "head" | "nodeProcesses" | "clock">;

interface Look {
  readonly head: Awaited<ReturnType<Store["head"]>>;
  /** But for those that allow nothing any more. */
  readonly processes: Awaited<ReturnType<Store["nodeProcesses"]>>;
}

/** What the store says of all nodes, read once for all calls that wait. */
class SharedLooks {
  readonly #store: Read;
  #last: Promise<Look> | null = null;
  #startedMs = Number.NEGATIVE_INFINITY;

  constructor(store: Read) {
    this.#store = store;
  }

  /** Not older than `LOOK_MS`. */
  async recent(): Promise<Look> {
    if (this.#last === null || performance.now() - this.#startedMs >= LOOK_MS) {
      this.#startedMs = performance.now();
      const reading = this.#read();
      this.#last = reading;
      // The next one tries again.
      reading.catch(() => {
        if (this.#last === reading) this.#last = null;
      });
    }
    return this.#last;
  }

  /** Of the state as it is: a revision is not lost because a look is older than it. */
  fresh(): Promise<Look> {
    this.#last = null;
    return this.recent();
  }

  async #read(): Promise<Look> {
    const head = await this.#store.head();
    const nowMs = await this.#store.clock();
    const known = await this.#store.nodeProcesses();
    return { head, processes: known.filter((each) => !isLeaseOver(each, nowMs)) };
  }
}

async function wait(
  parts: EnforcementServiceParts,
  looks: SharedLooks,
  token: string,
  waitMs: number,
): Promise<Progress> {
  const untilMs = performance.now() + waitMs;
  const wanted = token === "" ? await parts.store.head() : parts.revisions.open(token);
  if (wanted === null) throw new ApiError(ErrorCode.INVALID_REVISION);
  for (;;) {
    const leftMs = untilMs - performance.now();
    const progress = await look(parts, looks, wanted, Math.max(0, Math.min(leftMs, LOOK_MS)));
    if (progress.enforced === progress.of || leftMs <= 0) return progress;
    await new Promise((resolve) => setTimeout(resolve, Math.min(LOOK_MS, leftMs)));
  }
}

async function look(
  { localEnforcement }: EnforcementServiceParts,
  looks: SharedLooks,
  { revision, lineage }: ChangeCursor,
  waitMs: number,
): Promise<Progress> {
  const isLost = ({ head }: Look) =>
    revision > head.revision || lineageOf(head.lineages, revision) !== lineage;
  const recent = await looks.recent();
  const seen = isLost(recent) ? await looks.fresh() : recent;
  if (isLost(seen)) throw new ApiError(ErrorCode.REVISION_LOST);
  const { processes } = seen;
  const { lineages } = seen.head;
  const behind = processes.filter((each) => !enforces(each, revision, lineages));
  const local = (await localEnforcement?.(BigInt(revision), waitMs)) ?? null;
  const lagging = new Set(behind.flatMap(({ servers }) => servers));
  if (local !== null && local.enforced < local.of) lagging.add(local.server);
  return {
    enforced: processes.length - behind.length + (local?.enforced ?? 0),
    of: processes.length + (local?.of ?? 0),
    lagging: [...lagging].sort(),
  };
}
