// What the runtime prints by itself: nothing that a request carried. It has no hook, so a process of its own is looked at.
import { expect, test } from "bun:test";

test("no failure of an upstream brings a path or a query to stderr", async () => {
  const child = Bun.spawn(
    [process.execPath, "test", "../../../test/proxy/upstream-failure.test.ts"],
    {
      cwd: import.meta.dir,
      stdout: "ignore",
      stderr: "pipe",
    },
  );
  const printed = await new Response(child.stderr).text();
  expect(printed).toContain("dying in the middle of a short body");
  expect(printed).not.toMatch(/hunter2|http:\/\//);
  expect(await child.exited).toBe(0);
}, 30_000);
