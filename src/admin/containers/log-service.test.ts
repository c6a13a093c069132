// The entry of a request, of proxies that answer anything.
import { expect, test } from "bun:test";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import type { LogPage } from "../../exchange-log/log-reading.ts";
import { loggedRequest } from "./log-service.ts";

/** How the search ended, and after how many reads. It gives up on searches that do not end. */
async function search(pageAt: (turn: number, before: number | null) => LogPage) {
  let turns = 0;
  const log = {
    newest: async (_query: unknown, before: number | null) => {
      if (turns === 5_000) throw new Error("goes on for ever");
      return pageAt(turns++, before);
    },
    oldest: async () => ({ entries: [], next: null }),
  };
  const found = await loggedRequest(log, { container: "c", account: "a" }, "a".repeat(24)).catch(
    ({ code }) => code,
  );
  return { found, turns };
}

test("ends where a log leads back to the same place", async () => {
  expect(await search(() => ({ entries: [], next: 5 }))).toEqual({
    ...{ found: ErrorCode.EXCHANGE_LOG_UNAVAILABLE, turns: 2 },
  });
});

test("ends in a log that always leads on", async () => {
  const leadsOn = (_turn: number, before: number | null) => ({
    entries: [],
    next: (before ?? 1e15) - 1,
  });
  expect(await search(leadsOn)).toEqual({ found: ErrorCode.EXCHANGE_LOG_UNAVAILABLE, turns: 200 });
});

test("is not found only where every proxy answered each time", async () => {
  const pages = (missing: string[]) => (turn: number) => ({
    entries: [],
    next: turn === 0 ? 9 : null,
    missing: turn === 0 ? missing : [],
  });
  expect(await search(pages([]))).toEqual({ found: ErrorCode.REQUEST_NOT_FOUND, turns: 2 });
  expect(await search(pages(["a/b"]))).toEqual({ found: ErrorCode.PROXY_UNREACHABLE, turns: 2 });
});
