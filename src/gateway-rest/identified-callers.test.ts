import { afterAll, afterEach, expect, spyOn, test } from "bun:test";
import type { Call } from "../../proto/call.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import { ProjectService } from "../../proto/gen/realmgate/v1/projects_pb.ts";
import { UserService } from "../../proto/gen/realmgate/v1/users_pb.ts";
import { IdentifiedCallers } from "./identified-callers.ts";

let nowMs = 0;
const clock = spyOn(performance, "now").mockImplementation(() => nowMs);
afterEach(() => {
  nowMs = 0;
});
afterAll(() => clock.mockRestore());

const callers = () =>
  new IdentifiedCallers(
    () => nowMs / 1000,
    (address) => `of ${address}`,
  );
const call = (credential: string | null, more: Partial<Call> = {}) =>
  ({
    ...{ method: ProjectService.method.createProject, credential, clientAddress: "a" },
    ...more,
  }) as Call;

/** Reads for so long; null, or the code of the refusal. */
function read(known: IdentifiedCallers, of: Call, ms: number): number | null {
  try {
    known.measure(of)(() => {
      nowMs += ms;
    });
    return null;
  } catch (error) {
    return (error as { code: number }).code;
  }
}

test("a caller counts as identified for a minute, with this credential from this network", () => {
  const known = callers();
  known.identified(call("x"));
  expect(known.mayRead(call("x"))).toBe(true);
  expect(known.mayRead(call("y"))).toBe(false);
  expect(known.mayRead(call(null))).toBe(false);
  expect(known.mayRead(call("x", { clientAddress: "b" }))).toBe(false);
  nowMs += 60_000;
  expect(known.mayRead(call("x"))).toBe(false);
});

test("who takes two seconds of work is refused until some came back; others are not", () => {
  const known = callers();
  expect(read(known, call("x"), 1_500)).toBeNull();
  expect(read(known, call("x"), 1_500)).toBeNull();
  expect(read(known, call("x"), 1)).toBe(ErrorCode.RATE_LIMITED);
  expect(read(known, call("y"), 1)).toBeNull();
  nowMs += 5_000;
  expect(read(known, call("x"), 1)).toBeNull();
});

test("what anybody may send is charged to the network, whatever credential comes with it", () => {
  const known = callers();
  const login = (credential: string) => call(credential, { method: UserService.method.login });
  expect(known.mayRead(login("x"))).toBe(true);
  expect(read(known, login("x"), 3_000)).toBeNull();
  expect(read(known, login("y"), 1)).toBe(ErrorCode.RATE_LIMITED);
});
