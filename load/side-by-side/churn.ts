// Policy churn: ten changes a second among many containers while requests go on at a fixed rate. The gate takes each by one write
// of its API; nginx by a new map of hosts and a reload, which its operator would do. What others notice: p99, lost requests,
// closed connections.

import { atRate } from "./drive.ts";
import type { FixedRateResult } from "./fixed-rate-client.ts";
import { loadOf, type Pace } from "./measure.ts";
import type { Nginx } from "./nginx.ts";
import type { Realmgate } from "./realmgate.ts";
import type { Row } from "./rows.ts";
import { foreignHost } from "./work.ts";

const WRITES_PER_S = 10;
const REQUESTS_PER_S = 1_000;
/** Containers that are made at a time. */
const WIDTH = 16;

export interface Churned {
  readonly name: string;
  readonly before: FixedRateResult;
  readonly during: FixedRateResult;
  readonly changesPerS: number;
}

export async function addContainers(gate: Realmgate, count: number): Promise<string[]> {
  const ids: string[] = [];
  let next = 0;
  const maker = async () => {
    while (next++ < count) ids.push((await gate.addContainer(1)).id);
  };
  await Promise.all(Array.from({ length: WIDTH }, maker));
  await gate.settled();
  return ids;
}

/** Calls `change` ten times a second until `work` is over; resolves with how many a second there were. */
async function meanwhile(
  work: Promise<unknown>,
  change: (n: number) => void | Promise<void>,
): Promise<number> {
  let isOver = false;
  void work
    .catch(() => {})
    .then(() => {
      isOver = true;
    });
  const startMs = performance.now();
  let changes = 0;
  while (!isOver) {
    await change(changes);
    changes++;
    const waitMs = startMs + (changes * 1_000) / WRITES_PER_S - performance.now();
    if (waitMs > 0) await Bun.sleep(waitMs);
  }
  return changes / ((performance.now() - startMs) / 1_000);
}

/** A document of which each write differs from the one before. */
const documentOf = (n: number) => ({
  groups: { all: { type: "ip", range: `10.${(n >> 8) & 255}.${n & 255}.0/24` } },
  permissions: { all: { terminal: true } },
  default: "deny",
});

async function write({ api }: Realmgate, id: string, n: number): Promise<void> {
  const path = `/containers/${id}/proxy/permissions`;
  const { etag } = await api.data("GET", path);
  await api.data("PATCH", path, { body: documentOf(n), headers: { "if-match": etag } });
}

async function churned(
  row: Row,
  contestant: Realmgate | Nginx,
  pace: Pace,
  change: (n: number) => void | Promise<void>,
): Promise<Churned> {
  const load = loadOf(row, contestant, pace.folder);
  if (load === null) throw new Error(`${contestant.name} has no listener`);
  const before = await atRate(load, REQUESTS_PER_S, pace.fixedS);
  const running = atRate(load, REQUESTS_PER_S, Math.max(2, pace.fixedS * 2), false);
  const changesPerS = await meanwhile(running, change);
  return { name: contestant.name, before, during: await running, changesPerS };
}

/** Among `count` containers. nginx is left out when it is not there. */
export async function churn(
  row: Row,
  gate: Realmgate,
  nginx: Nginx | null,
  count: number,
  pace: Pace,
): Promise<Churned[]> {
  const ids = await addContainers(gate, count);
  const ours = await churned(row, gate, pace, (n) =>
    write(gate, ids[(n * 7_919) % count] ?? "", n),
  );
  if (ours.during.dropped > 0)
    throw new Error(`churn: the gate lost ${ours.during.dropped} requests`);
  if (nginx === null) return [ours];
  const hosts = Array.from({ length: count }, (_, n) => foreignHost("open", n + 1));
  const theirs = await churned(row, nginx, pace, (n) => nginx.reload(hosts, String(n)));
  return [ours, theirs];
}
