// A gate process that serves nobody: `bun fake-worker.ts FOLDER ROLE` does at its start what the next line of `FOLDER/SLOT` says, where
// there is one: `hang`, `fail`, or `serve-then-hang`, which answers `start` only.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Channel } from "../../src/workers/channel.ts";
import {
  CHANNEL_DESCRIPTOR,
  type ToParent,
  type ToWorker,
  type WorkerState,
} from "../../src/workers/messages.ts";

const folder = process.argv[2] ?? "";
const state: WorkerState = {
  ...{ from: "live", revision: 1, lineage: "a", heardAtMs: null, closed: null, failing: false },
  connections: 0,
};

function nextLine(slot: number): string {
  const path = join(folder, String(slot));
  const [line = "", ...rest] = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
  writeFileSync(path, rest.join("\n"));
  return line;
}

function hang(): void {
  for (;;) Bun.sleepSync(1_000);
}

/** How often it was asked for its metrics, and how long it takes to answer. */
let rounds = 0;
const ANSWER_MS = 200;

let telling: ReturnType<typeof setInterval> | null = null;
const channel = await Channel.open<ToParent, ToWorker>({
  descriptor: CHANNEL_DESCRIPTOR,
  handlers: {
    start: ({ slot }) => {
      const line = nextLine(slot);
      if (line === "hang") hang();
      if (line === "fail") throw new Error("no");
      if (line === "serve-then-hang") setTimeout(hang, 50);
      else telling = setInterval(() => channel.tell("state", state), 500);
      return { innerPorts: [], state };
    },
    own: () => null,
    reached: () => true,
    lost: () => true,
    metrics: async () => {
      const values = [{ value: ++rounds, labels: {} }];
      await Bun.sleep(ANSWER_MS);
      return [{ name: "rounds", help: "x", type: "counter", aggregator: "sum", values }] as never;
    },
    list: () => ({ connections: [], total: 0 }),
    end: () => false,
    endOfGroup: () => 0,
    flushLog: () => null,
    reload: () => null,
    snapshotKeys: () => true,
    bypassKeys: () => null,
    failures: () => null,
    accept: () => null,
    drain: () => {
      if (telling !== null) clearInterval(telling);
      setTimeout(() => process.exit(0), 0);
      return null;
    },
  },
  closed: () => process.exit(1),
});
