// A database that was put back to an earlier state: writes that it lost are never called enforced.
import { expect, test } from "bun:test";
import { cpSync, rmSync } from "node:fs";
import { type Api, loginAdmin } from "../harness/client.ts";
import { startProgram, type Urls } from "../harness/program.ts";

const startMsMax = 60_000;

async function write(api: Api, alias: string): Promise<string> {
  const answer = await api.call("POST", "/projects", { body: { alias } });
  expect(answer.status).toBe(201);
  return answer.headers.get("x-realmgate-revision") ?? "";
}

async function readiness({ ops }: Urls, token: string) {
  const answer = await fetch(`${ops}/readyz?revision=${token}&wait_ms=5000`);
  const { status } = (await answer.json()) as { readonly status: string };
  return [answer.status, status];
}

test(
  "a revision that was lost is 409, though another write has its number; those that were kept are enforced",
  async () => {
    const first = await startProgram();
    const { dataDir } = first;
    const kept = await write(await loginAdmin(first.urls), "kept");
    expect(await readiness(first.urls, kept)).toEqual([200, "ready"]);
    await first.kill();
    const backup = `${dataDir}.backup`;
    cpSync(dataDir, backup, { recursive: true });

    const second = await startProgram({ dataDir });
    const lost = await write(await loginAdmin(second.urls), "lost");
    expect(await readiness(second.urls, lost)).toEqual([200, "ready"]);
    await second.kill();
    rmSync(dataDir, { recursive: true });
    cpSync(backup, dataDir, { recursive: true });
    rmSync(backup, { recursive: true });

    await using third = await startProgram({ dataDir });
    const again = await write(await loginAdmin(third.urls), "again");
    expect(await readiness(third.urls, again)).toEqual([200, "ready"]);
    expect(await readiness(third.urls, kept)).toEqual([200, "ready"]);
    expect(await readiness(third.urls, lost)).toEqual([409, "lost"]);
  },
  startMsMax,
);
