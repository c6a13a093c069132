import { expect, test } from "bun:test";
import { startOps } from "./ops.ts";

test("a node that enforces no revisions says so, and not that the token is another installation's", async () => {
  const ops = startOps({
    listen: { hostname: "127.0.0.1", port: 0 },
    reached: async () => true,
    hasLost: () => false,
    openRevision: null,
    metrics: { format: () => ({ contentType: "text/plain", text: async () => "" }) },
    health: () => ({
      draining: false,
      problems: [],
      snapshot: { from: "live", revision: 0, heardAtMs: null, closed: null },
    }),
  });
  const ask = async (query: string) => {
    const answer = await fetch(`http://127.0.0.1:${ops.port}/readyz${query}`);
    return [answer.status, await answer.text()];
  };
  try {
    expect(await ask("")).toMatchObject([200, expect.any(String)]);
    expect(await ask("?revision=TOKEN")).toEqual([
      400,
      expect.stringContaining("this node enforces no revisions"),
    ]);
  } finally {
    await ops.stop();
  }
});
