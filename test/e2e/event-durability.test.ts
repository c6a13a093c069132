// kill -9 loses no event of a call that was acknowledged, and none is told twice.
import { expect, test } from "bun:test";
import { type Api, loginAdmin } from "../harness/client.ts";
import { startProgram } from "../harness/program.ts";
import { until } from "../harness/until.ts";

const rounds = 3;

/** Calls that change something, until the process is gone. */
const changes: readonly ((api: Api, n: string) => Promise<void>)[] = [
  async (api, n) => {
    await api.data("POST", "/projects", { body: { alias: `p-${n}` } });
  },
  async (api, n) => {
    await api.data("POST", "/auth/tokens", { body: { alias: `t-${n}` } });
  },
  async (api, n) => {
    await api.data("POST", "/realms", { body: { name: `r-${n}` } });
  },
];
const kinds = ["project.created", "auth.token.created", "realm.created"] as const;

test("kill -9 in the middle of a stream of changes loses no event of an acknowledged one", async () => {
  let program = await startProgram();
  const { dataDir } = program;
  const acknowledged = changes.map(() => 0);
  const begun = changes.map(() => 0);
  const all = () => acknowledged.reduce((sum, n) => sum + n, 0);
  try {
    for (let round = 0; round < rounds; round++) {
      const api = await loginAdmin(program.urls);
      const goal = all() + 60;
      const writing = changes.map(async (change, at) => {
        for (let n = 0; ; n++) {
          begun[at] = (begun[at] ?? 0) + 1;
          try {
            await change(api, `${round}-${n}`);
          } catch {
            return;
          }
          acknowledged[at] = (acknowledged[at] ?? 0) + 1;
        }
      });
      await until(() => all() >= goal, "60 more changes");
      await program.kill();
      await Promise.all(writing);
      program = await startProgram({ dataDir });
      const reader = await loginAdmin(program.urls);
      for (const [at, kind] of kinds.entries()) {
        const { total } = await reader.data("GET", `/events/stats?kind=${kind}`);
        // The one that was cut off in each round may be there.
        expect(total).toBeWithin(acknowledged[at] ?? 0, (begun[at] ?? 0) + 1);
      }
      const { total } = await reader.data("GET", "/realms");
      const { total: told } = await reader.data("GET", "/events/stats?kind=realm.created");
      expect(told).toBe(total);
    }
  } finally {
    await program[Symbol.asyncDispose]();
  }
}, 120_000);
