// `bun load/snapshot.ts`: what it costs to learn, keep, save and load the snapshot of a large installation, over the real feed.
//   CONTAINERS=1000000 PROJECTS=1000 DOCUMENTS=1000 bun load/snapshot.ts
// A control plane and a gate run in processes of their own: the figures are the gate's.
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import {
  ChangesSchema,
  type ContainerState,
  ContainerStateSchema,
  ProjectStateSchema,
} from "../proto/gen/realmgate/v1/feed_pb.ts";
import type { StoreChangeSource } from "../src/admin/feed/change-source.ts";
import { startFeed } from "../src/admin/feed/feed-server.ts";
import { SecretBox } from "../src/admin/store/sealed.ts";
import { Enforcer } from "../src/proxy/snapshot/enforcement.ts";
import { RemoteSource } from "../src/proxy/snapshot/remote-source.ts";
import { documentContent } from "../test/harness/feed-changes.ts";
import { watchLateness } from "./lateness.ts";

const CONTAINERS = Number(process.env.CONTAINERS ?? 100_000);
const PROJECTS = Number(process.env.PROJECTS ?? 1_000);
/** How many different ones the containers share. */
const DOCUMENTS = Number(process.env.DOCUMENTS ?? 1_000);
const TOKEN = "load";
const LINEAGE = "00000000000000aa";
const LINEAGES = [
  { $typeName: "realmgate.v1.RevisionLineage", fromRevision: 0n, tag: LINEAGE },
] as const;
const log = { error: console.error, warn() {}, info() {} };

/** Ids are random in an installation: these are as spread. */
const id = (n: number) =>
  new Bun.CryptoHasher("sha256").update(String(n)).digest("hex").slice(0, 24);
const projectIds = Array.from({ length: PROJECTS }, (_, n) => id(-1 - n));
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

function containerOf(n: number, documentDigest: string, disabled = false): ContainerState {
  return create(ContainerStateSchema, {
    id: id(n),
    projectId: projectIds[n % PROJECTS] ?? "",
    serverName: "local",
    running: true,
    address: `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255 || 1}`,
    programs: { terminal: { port: 7681, stride: 0 } },
    documentDigest,
    disabled,
  });
}

/** Serves the feed, and changes one state whenever a message comes from the parent. */
async function control(socket: string): Promise<void> {
  const documents = Array.from({ length: DOCUMENTS }, (_, n) => documentOf(n));
  const digestOf = (n: number) => documents[n % DOCUMENTS]?.digest ?? "";
  const listeners = new Set<(revision: bigint) => void>();
  let revision = 1n;
  // Made once: how long a database takes to say it all is not the question here.
  const all = create(ChangesSchema, {
    all: true,
    lineages: [...LINEAGES],
    projects: projectIds.map((each) => create(ProjectStateSchema, { id: each })),
    containers: Array.from({ length: CONTAINERS }, (_, n) => containerOf(n, digestOf(n))),
    documents,
  });
  const source: StoreChangeSource = {
    async changesAfter(after) {
      if (after === 0n) return { ...all, revision };
      const changed = Array.from({ length: Number(revision - after) }, (_, n) => n + Number(after));
      return create(ChangesSchema, {
        revision,
        lineages: [...LINEAGES],
        containers: changed.map((n) => containerOf(n, digestOf(n), true)),
        documents: changed
          .map((n) => documents[n % DOCUMENTS])
          .filter((each) => each !== undefined),
      });
    },
    head: async () => ({ revision, lineage: LINEAGE }),
    onCommit(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  await startFeed({
    listen: `unix:${socket}`,
    source,
    authenticate: async () => ({
      peer: { node: "load", servers: ["local"], keys: {}, domain: "localhost" },
    }),
    log,
  });
  process.send?.("ready");
  process.on("message", () => {
    revision++;
    for (const listener of listeners) listener(revision);
  });
}

/** The longest since the last call that a timer was late, and of that the longest that was the process's own doing. */
class Lateness {
  #late = 0;
  #own = 0;

  constructor() {
    watchLateness((lateMs, ownMs) => {
      this.#late = Math.max(this.#late, lateMs);
      this.#own = Math.max(this.#own, ownMs);
    });
  }

  take(): { readonly lateMs: number; readonly ownLateMs: number } {
    const most = { lateMs: Math.round(this.#late), ownLateMs: Math.round(this.#own) };
    this.#late = 0;
    this.#own = 0;
    return most;
  }
}

const MB = 1024 * 1024;
const rss = () => process.memoryUsage.rss();

async function until(done: () => boolean): Promise<void> {
  while (!done()) await Bun.sleep(1);
}

/** A gate's part that follows the feed: prints what it took. `changes`: how many to ask for, one by one. */
async function gate(path: string, socket: string, hasControl: boolean, changes: number) {
  const before = rss();
  const late = new Lateness();
  const source = new RemoteSource({
    urls: [`unix:${socket}`],
    token: TOKEN,
    process: "load",
    servers: ["local"],
    version: "load",
    answerMs: hasControl ? 600_000 : 500,
    log,
  });
  const enforcer = new Enforcer({
    source,
    snapshot: { serverName: "local", programPorts: {}, mayDial: () => true, log },
    place: { path, box: new SecretBox(Buffer.alloc(32, 1), "snapshot") },
    stalenessMaxMs: null,
    swapped: () => {},
    log: { ...log, error: () => {} },
  });
  let peak = 0;
  setInterval(() => {
    peak = Math.max(peak, rss());
  }, 100);
  const startedMs = performance.now();
  const sinceMs = () => Math.round(performance.now() - startedMs);
  const cpuMs = () => Math.round((process.cpuUsage().user + process.cpuUsage().system) / 1000);
  const say = (what: string, fields: object) => console.log(`  ${what}:`, JSON.stringify(fields));
  void enforcer.start();
  await until(() => enforcer.state.from !== "none");
  say("first enforced", { ms: sinceMs(), cpuMs: cpuMs(), from: enforcer.state.from });
  if (hasControl) {
    await until(() => enforcer.state.from === "live");
    say("live", { ms: sinceMs(), cpuMs: cpuMs(), ...late.take() });
    await until(() => enforcer.saved?.revision === enforcer.state.revision);
    say("saved", {
      ms: sinceMs(),
      cpuMs: cpuMs(),
      ...late.take(),
      fileMb: Math.round(statSync(path).size / MB),
    });
  } else say("loaded", { cpuMs: cpuMs(), ...late.take() });
  for (let n = 0; n < changes; n++) {
    const { revision } = enforcer.state;
    const [fromMs, cpu, size] = [performance.now(), process.cpuUsage(), enforcer.saved?.bytes ?? 0];
    process.send?.("change");
    await until(() => enforcer.state.revision > revision);
    await until(() => enforcer.saved?.revision === enforcer.state.revision);
    const { user, system } = process.cpuUsage(cpu);
    say("one change saved", {
      ms: Math.round(performance.now() - fromMs),
      cpuMs: Math.round((user + system) / 1000),
      ...late.take(),
      bytes: (enforcer.saved?.bytes ?? 0) - size,
    });
  }
  for (let n = 0; n < 5; n++) {
    Bun.gc(true);
    await Bun.sleep(500);
  }
  const grown = rss() - before;
  say("resident", {
    mb: Math.round(rss() / MB),
    peakMb: Math.round(peak / MB),
    perContainer: Math.round(grown / CONTAINERS),
  });
  await enforcer.stop();
  source.stop();
  process.exit(0);
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "realmgate-load-"));
  const [path, socket] = [join(folder, "snapshot"), join(folder, "feed.sock")];
  const spawn = (args: readonly string[], heard: (message: unknown) => void) =>
    Bun.spawn(["bun", import.meta.path, ...args], {
      stdio: ["inherit", "inherit", "inherit"],
      ipc: (message) => heard(message),
    });
  console.log(`${CONTAINERS} containers, ${PROJECTS} projects, ${DOCUMENTS} documents`);
  const ready = Promise.withResolvers<void>();
  const plane = spawn(["control", socket], () => ready.resolve());
  try {
    await ready.promise;
    const run = async (title: string, ...args: string[]) => {
      console.log(title);
      await spawn(["gate", path, socket, ...args], () => plane.send("change")).exited;
    };
    await run("start without a file", "control", "2");
    await run("start with a file", "control", "1");
    plane.kill();
    await run("start with a file, without the control plane", "alone", "0");
  } finally {
    plane.kill();
    rmSync(folder, { recursive: true });
  }
}

const [role, ...rest] = process.argv.slice(2);
if (role === "control") await control(rest[0] ?? "");
else if (role === "gate") {
  await gate(rest[0] ?? "", rest[1] ?? "", rest[2] === "control", Number(rest[3]));
} else await main();
