import { expect, test } from "bun:test";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { LoginRefused } from "../auth/login-refused.ts";
import type { NewEvent } from "../store/event-records.ts";
import { RefusalEvents, type Refused, refusalLimits } from "./refusal-events.ts";

const origin = {
  ...{ actorId: "ada", actorName: "ada", tokenId: null, requestId: "r", realmId: null },
};

/** Of a call from this address. */
function refused(clientAddress: string): Refused {
  return {
    call: { clientAddress },
    audited: { kind: "project.created", field: "", verb: "POST", path: "/api/v1/projects" },
    origin: { ...origin, ip: clientAddress },
    within: null,
    message: null,
  } as unknown as Refused;
}

function recorder() {
  const recorded: NewEvent[] = [];
  let nowS = 0;
  let isAway = false;
  const store = {
    async recordEvent(event: NewEvent) {
      if (isAway) throw new Error("the database is away");
      recorded.push(event);
    },
  };
  const events = new RefusalEvents(store, () => nowS);
  const denied = new ApiError(ErrorCode.INSUFFICIENT_PERMISSIONS);
  return {
    recorded,
    later: (s: number) => {
      nowS += s;
    },
    away(now: boolean) {
      isAway = now;
    },
    login: (code: ErrorCode, userId: string | null) =>
      events.record(new LoginRefused(code, userId), { ...refused("192.0.2.1"), audited: null }),
    async denied(times: number, address = "192.0.2.1") {
      for (let n = 0; n < times; n++) await events.record(denied, refused(address));
    },
  };
}

test("a lock-out is another kind than a failed login, of the account where there is one", async () => {
  const { login, recorded } = recorder();
  await login(ErrorCode.INVALID_CREDENTIALS, "bob");
  await login(ErrorCode.RATE_LIMITED, "bob");
  await login(ErrorCode.RATE_LIMITED, null);
  expect(
    recorded.map(({ kind, code, resourceKind, resourceId, status }) => [
      ...[kind, code, resourceKind, resourceId, status],
    ]),
  ).toEqual([
    ["auth.login.failed", "INVALID_CREDENTIALS", "user", "bob", 401],
    ["auth.login.locked", "RATE_LIMITED", "user", "bob", 429],
    ["auth.login.locked", "RATE_LIMITED", null, null, 429],
  ]);
});

test("what was not recorded is counted in the next that is, once", async () => {
  const { denied, later, recorded } = recorder();
  const { burst } = refusalLimits.network;
  await denied(burst + 7);
  expect(recorded).toHaveLength(burst);
  expect(recorded.every(({ fields }) => fields.length === 0)).toBe(true);
  // Another network has a share of its own.
  await denied(1, "198.51.100.1");
  later(3600);
  await denied(1);
  expect(recorded.slice(burst).map(({ ip, fields }) => [ip, fields])).toEqual([
    ["198.51.100.1", ["not_recorded:7"]],
    ["192.0.2.1", []],
  ]);
});

test("what the store did not take is not recorded either, and counted", async () => {
  const { denied, away, recorded } = recorder();
  const { burst } = refusalLimits.network;
  await denied(burst + 7);
  away(true);
  await expect(denied(1, "198.51.100.1")).rejects.toThrow("away");
  await expect(denied(1, "198.51.100.1")).rejects.toThrow("away");
  away(false);
  await denied(1, "198.51.100.1");
  expect(recorded.at(-1)?.fields).toEqual(["not_recorded:9"]);
});

test("all networks together have a bound, too", async () => {
  const { denied, recorded } = recorder();
  const { network, all } = refusalLimits;
  const networks = all.burst / network.burst + 1;
  for (let n = 0; n < networks; n++) await denied(network.burst, `198.18.${n}.1`);
  expect(recorded).toHaveLength(all.burst);
});
