// `bun load/snapshot.ts`: what it costs to keep, save and load the snapshot of a large installation.
//   CONTAINERS=100000 bun load/snapshot.ts
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import {
  ChangesSchema,
  ContainerStateSchema,
  ProjectStateSchema,
} from "../proto/gen/realmgate/v1/feed_pb.ts";
import { SecretBox } from "../src/admin/store/sealed.ts";
import { Snapshot } from "../src/proxy/snapshot/snapshot.ts";
import { SnapshotFile } from "../src/proxy/snapshot/snapshot-file.ts";
import { documentContent } from "../test/harness/feed-changes.ts";

const CONTAINERS = Number(process.env.CONTAINERS ?? 100_000);
const PROJECTS = CONTAINERS / 10;
const log = { error: console.error, warn: console.error, info() {} };
const folder = mkdtempSync(join(tmpdir(), "realmgate-load-"));
const path = join(folder, "snapshot");
const box = new SecretBox(Buffer.alloc(32, 1), "snapshot");

const id = (n: number) => n.toString(16).padStart(24, "0");
const documentOf = (n: number) =>
  documentContent({
    groups: {
      office: { type: "ip", range: `10.${(n >> 8) & 255}.${n & 255}.0/24` },
      partners: { type: "token", value: `token-${id(n)}`, header: "X-Api-Token" },
      staff: { type: "jwt", secret: `secret-${id(n)}`, sources: ["header:Authorization"] },
    },
    permissions: { office: { terminal: true, files: true }, partners: { http: [3000, 8080] } },
    default: "deny",
  });
const containerOf = (n: number) =>
  create(ContainerStateSchema, {
    id: id(n),
    projectId: id(n % PROJECTS),
    serverName: "local",
    running: true,
    address: "10.0.0.1",
    programs: { terminal: { port: 7681, stride: 0 } },
    documentDigest: documentOf(n).digest,
  });

const rssMb = () => Math.round(process.memoryUsage.rss() / 1024 / 1024);
const timed = async (what: string, work: () => unknown) => {
  const startedMs = performance.now();
  await work();
  const ms = Math.round(performance.now() - startedMs);
  console.log(`${what}: ${ms} ms, ${rssMb()} MB`);
};

/** The longest that a timer was late while `work` ran. */
async function lateness(work: () => Promise<unknown>): Promise<number> {
  let most = 0;
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    most = Math.max(most, nowMs - lastMs - 1);
    lastMs = nowMs;
  }, 1);
  await work();
  clearInterval(timer);
  return most;
}

async function saved(file: SnapshotFile, revision: bigint): Promise<void> {
  while (file.saved.revision !== revision) await Bun.sleep(1);
}

const all = create(ChangesSchema, {
  revision: 1n,
  projects: Array.from({ length: PROJECTS }, (_, n) => create(ProjectStateSchema, { id: id(n) })),
  containers: Array.from({ length: CONTAINERS }, (_, n) => containerOf(n)),
  documents: Array.from({ length: CONTAINERS }, (_, n) => documentOf(n)),
});
console.log(`${CONTAINERS} containers, each with a document: ${rssMb()} MB`);
const snapshotOptions = { serverName: "local", programPorts: {}, mayDial: () => true, log };
let snapshot = Snapshot.empty(snapshotOptions);
await timed("take all, as at any start", () => {
  snapshot = snapshot.apply(all);
});
await timed("take all in its place, as after a start from the file", () => {
  snapshot = snapshot.replacedBy(all);
});
const file = new SnapshotFile({ path, box, log, flushMs: 1 });
await timed("keep all", () => file.keep(all, true, Date.now()));
for (const revision of [1n, 2n, 3n]) {
  const changes = create(ChangesSchema, {
    revision,
    containers: [containerOf(Number(revision))],
    documents: [documentOf(Number(revision))],
  });
  if (revision > 1n) file.keep(changes, false, Date.now());
  let late = 0;
  await timed(
    `save (${revision === 1n ? "first" : "after one change"}), with its pause`,
    async () => {
      late = await lateness(() => saved(file, revision));
    },
  );
  console.log(`  others waited at most ${late.toFixed(1)} ms`);
}
console.log(`  file: ${Math.round(statSync(path).size / 1024 / 1024)} MB`);
let loaded: Awaited<ReturnType<SnapshotFile["load"]>> = null;
await timed("load", async () => {
  loaded = await new SnapshotFile({ path, box, log }).load();
});
console.log(loaded === null ? "NOTHING LOADED" : "loaded");
rmSync(folder, { recursive: true });
