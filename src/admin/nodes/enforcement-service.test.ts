import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { GetEnforcementRequestSchema } from "../../../proto/gen/realmgate/v1/enforcement_pb.ts";
import type { Context } from "../api/dispatch.ts";
import type { Store } from "../store/store.ts";
import { enforcementService } from "./enforcement-service.ts";

/** A service of an installation at revision `head`, whose one proxy enforces `enforced`; tokens are revisions. */
function place() {
  const state = { head: 5, enforced: 0, reads: 0, nowMs: 0, leaseMs: null as number | null };
  const lineages = [{ fromRevision: 0, tag: "a" }];
  const store = {
    async head() {
      state.reads++;
      return { revision: state.head, lineage: "a", lineages };
    },
    async nodeProcesses() {
      const { enforced, leaseMs } = state;
      const heardAt = new Date(0).toISOString();
      const known = { servers: ["s"], enforcedRevision: enforced, enforcedLineage: "a" };
      return [{ ...known, heardAt, leaseMs }];
    },
    clock: async () => state.nowMs,
  } as unknown as Store;
  const service = enforcementService({
    store,
    revisions: { open: (token: string) => ({ revision: Number(token), lineage: "a" }) },
    localEnforcement: async () => {
      const { enforced, head } = state;
      return { enforced: enforced >= head ? 1 : 0, of: 1, server: "local" };
    },
  });
  const context = (id: string) => ({ caller: { user: { id } } }) as unknown as Context;
  const ask = (revision: number, waitMs: number, id = "u") => {
    const message = create(GetEnforcementRequestSchema, { revision: String(revision), waitMs });
    const { getEnforcement } = service.methods;
    return (getEnforcement as (m: typeof message, c: Context) => Promise<unknown>)(
      message,
      context(id),
    );
  };
  return { state, ask };
}

test("calls that wait share what is read of the store", async () => {
  const { state, ask } = place();
  const startedMs = performance.now();
  const calls = Array.from({ length: 90 }, (_, i) => ask(5, 400, `u${i % 3}`));
  await Promise.all(calls);
  const looks = (performance.now() - startedMs) / 100;
  expect(state.reads).toBeGreaterThan(1);
  expect(state.reads).toBeLessThanOrEqual(looks + 2);
});

test("a write behind the last look is not taken for one that is lost", async () => {
  const { state, ask } = place();
  await ask(5, 0);
  state.head = 6;
  expect(await ask(6, 0)).toMatchObject({ message: { complete: false } });
  await expect(ask(7, 0)).rejects.toThrow();
});

test("a proxy that is not heard does not enforce a write until it allows nothing any more, and then keeps nobody waiting", async () => {
  const { state, ask } = place();
  state.enforced = 4;
  const later = async (ms: number) => {
    state.nowMs += ms;
    // A look may be as old as that.
    await Bun.sleep(110);
    return ask(5, 0);
  };
  const waiting = { message: { complete: false, of: 2, lagging: ["local", "s"] } };
  expect(await later(365 * 86_400_000)).toMatchObject(waiting);
  state.nowMs = 0;
  state.leaseMs = 60_000;
  expect(await later(60_001)).toMatchObject(waiting);
  expect(await later(89_999)).toMatchObject(waiting);
  const over = { message: { complete: false, of: 1, lagging: ["local"] } };
  expect(await later(1)).toMatchObject(over);
});
