// R: which version decides, and who wins. The decisions are read from what the upstream is told: each version of a document
// has groups of its own, so that an answer names the version that let it through.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { changeSource } from "../../src/admin/feed/change-source.ts";
import { type ProxyServer, startProxy } from "../../src/proxy/proxy.ts";
import { randomFrom } from "../arbitrary/random.ts";
import { Document, enforced, loginAdmin, makePlace, statusThrough } from "../harness/client.ts";
import { ControlPlane } from "../harness/control-plane.ts";
import { caseBench, codeOf } from "../harness/gate.ts";
import { startProgram, startUpstream } from "../harness/program.ts";
import { ip, LOCAL } from "../harness/proxy-bench.ts";
import { until } from "../harness/until.ts";
import { answerTo, request } from "../harness/wire.ts";
import { ok, startWitness, type Witness } from "../harness/witness.ts";

setDefaultTimeout(30_000);
const bench = await caseBench();
const seed = Number(process.env.REALMGATE_TEST_SEED ?? Date.now() % 2 ** 31);

/** A control plane, a gate that follows it, and an upstream that says which groups it was told of. */
let plane: ControlPlane;
let gate: ProxyServer;
let witness: Witness;
let owner: string;
/** The latest revision. */
let committed = 0n;

const reached = async () => expect(await gate.reached(committed, 20_000)).toBe(true);

beforeAll(async () => {
  plane = new ControlPlane();
  await plane.store.createFirstUser({ username: "owner", passwordHash: "-" });
  await plane.store.registerServer("local");
  owner = await plane.session("owner");
  gate = await startProxy(bench.options({ responseHeaderMs: 60_000 }), changeSource(plane.store));
  plane.store.onCommit((revision) => {
    committed = BigInt(revision);
  });
  witness = await startWitness(({ headers }) =>
    ok(headers.find(([name]) => name === "x-realmgate-groups")?.[1] ?? ""),
  );
});
afterAll(async () => {
  await gate.stop(true);
  witness.stop();
  await plane[Symbol.asyncDispose]();
});

interface Kept {
  readonly path: string;
  readonly host: string;
}

let kept = 0;

/** A container on the witness, with a document of version 0. */
async function container(): Promise<Kept> {
  const post = (path: string, body: unknown) =>
    plane.data(owner, { method: "POST", path, realm: null, body });
  const { id: project } = await post("/projects", { alias: `r-${++kept}` });
  const programs = { terminal: { port: witness.port } };
  const body = { name: "box", address: "127.0.0.1", programs };
  const { id } = await post(`/projects/${project}/containers`, body);
  await reached();
  return {
    path: `/containers/${id}/proxy/permissions`,
    host: `${project}-${id}-terminal-1.local.containers.example.test`,
  };
}

/** Version `n` lets this machine in, under three names that are n's alone. */
const version = (n: number): JsonObject => ({
  groups: { [`a${n}`]: LOCAL, [`b${n}`]: LOCAL, [`c${n}`]: LOCAL },
  permissions: {
    [`a${n}`]: { terminal: true },
    [`b${n}`]: { terminal: true },
    [`c${n}`]: { terminal: true },
  },
  default: "deny",
});

async function write({ path }: Kept, body: unknown, ifMatch: string) {
  const seen = await plane.call(owner, { method: "PUT", path, realm: null, body, ifMatch });
  return { status: seen.status, body: JSON.parse(seen.text) };
}

/** The version that let a request through; null: none did. */
async function decidedBy({ host }: Kept): Promise<number | null> {
  const answer = await answerTo(gate.port, request(host));
  if (answer?.status !== 200) {
    expect(codeOf(answer?.body ?? "")).toBe("denied");
    return null;
  }
  const [, n] = /^a(\d+),b\1,c\1$/.exec(answer.body) ?? [];
  // R4: of one stored version, wholly.
  expect({ groups: answer.body, whole: n !== undefined }).toEqual({
    groups: answer.body,
    whole: true,
  });
  return Number(n);
}

/** A read, between two events of the order in which everything here happens. */
interface Read {
  readonly from: number;
  readonly to: number;
  readonly version: number;
}

describe("R1, R3, R4, R12 a gate under writes", () => {
  const writes = 120;
  let events = 0;

  async function reading(place: Kept, goesOn: () => boolean): Promise<Read[]> {
    const reads: Read[] = [];
    while (goesOn()) {
      const from = ++events;
      const version = await decidedBy(place);
      reads.push({ from, to: ++events, version: version ?? -1 });
    }
    return reads;
  }

  /** What a register that is written once at a time may show: no read is older than what was enforced, or seen, before it. */
  function isHistory(reads: readonly Read[], enforcedAt: readonly number[]): string | null {
    const byEnd = reads.toSorted((one, other) => one.to - other.to);
    let seen = 0;
    let ended = 0;
    for (const read of reads.toSorted((one, other) => one.from - other.from)) {
      for (
        let next = byEnd[ended];
        next !== undefined && next.to < read.from;
        next = byEnd[++ended]
      ) {
        seen = Math.max(seen, next.version);
      }
      if (read.version < seen) return `read ${read.version} after ${seen} was read`;
      const due = enforcedAt.findLastIndex((at) => at !== undefined && at < read.from);
      if (read.version < due) return `read ${read.version} after ${due} was enforced`;
    }
    return null;
  }

  test("the check of histories sees one that goes back, and one that is late", () => {
    const at = (from: number, to: number, version: number) => ({ from, to, version });
    expect(isHistory([at(0, 1, 1), at(2, 3, 2), at(2, 5, 1)], [])).toBeNull();
    expect(isHistory([at(0, 1, 2), at(2, 3, 1)], [])).toContain("after 2 was read");
    expect(isHistory([at(5, 6, 1)], [0, 1, 4])).toContain("after 2 was enforced");
  });

  test(`no decision is older than what is enforced or was seen, and each is one whole version's (seed ${seed})`, async () => {
    const place = await container();
    expect((await write(place, version(0), "file:v0")).status).toBe(200);
    await reached();
    // Version 1 is what was just written.
    const random = randomFrom(seed);
    let goesOn = true;
    const readers = Array.from({ length: 6 }, () => reading(place, () => goesOn));
    const enforcedAt: number[] = [];
    for (let n = 1; n <= writes; n++) {
      expect((await write(place, version(n), `file:v${n}`)).status).toBe(200);
      await reached();
      enforcedAt[n] = ++events;
      if (random.chance(0.3)) await new Promise((resolve) => setTimeout(resolve, random.below(4)));
    }
    goesOn = false;
    const reads = (await Promise.all(readers)).flat();
    expect(isHistory(reads, enforcedAt)).toBeNull();
    expect(new Set(reads.map((read) => read.version)).size).toBeGreaterThan(10);
  });
});

test("R2 who was revoked never sees what is published after: no new enemy", async () => {
  const place = await container();
  const kept = { groups: { g: { type: "token", header: "X-Key", value: "k3y" } }, default: "deny" };
  const granted = { ...kept, permissions: { g: { terminal: true } } };
  const usual = witness.answering;
  let published = "old";
  // Later than it was asked: what was let in before the revocation is under way when there is something new.
  witness.answering = (_request, socket) => {
    setTimeout(() => socket.write(ok(published)), 2);
    return null;
  };
  try {
    let seen = 0;
    for (let round = 0; round < 25; round++) {
      published = `old ${round}`;
      expect((await write(place, granted, `file:v${2 * round}`)).status).toBe(200);
      await reached();
      let goesOn = true;
      const spying = Array.from({ length: 4 }, async () => {
        while (goesOn) {
          const answer = await answerTo(
            gate.port,
            request(place.host, "GET / HTTP/1.1", "X-Key: k3y"),
          );
          if (answer?.status === 200) {
            seen++;
            expect(answer.body).toStartWith("old");
          }
        }
      });
      const before = seen;
      await until(() => seen > before, "a spy is let in");
      expect((await write(place, kept, `file:v${2 * round + 1}`)).status).toBe(200);
      await reached();
      published = "new";
      // What is under way is broken off, not answered.
      await answerTo(gate.port, request(place.host, "GET / HTTP/1.1", "X-Key: k3y"));
      goesOn = false;
      await Promise.all(spying);
    }
    expect(seen).toBeGreaterThanOrEqual(25);
  } finally {
    witness.answering = usual;
  }
});

describe("R5 a container's own document replaces its project's", () => {
  const project = { groups: { p: LOCAL }, permissions: { p: { terminal: true } }, default: "deny" };
  const outcome = async (placement: Parameters<typeof bench.scene>[0]) => {
    const { host } = await bench.scene(placement);
    const answer = await answerTo(bench.proxy.port, request(host));
    return answer?.status === 200 ? "in" : codeOf(answer?.body ?? "");
  };
  test.each<[string, JsonObject | null, string]>([
    ["there is none", null, "in"],
    ["it is empty", {}, "denied"],
    ["it denies everybody", { default: "deny" }, "denied"],
    [
      "it has groups that do not match",
      { groups: { c: ip("203.0.113.0/24") }, permissions: { c: { terminal: true } } },
      "denied",
    ],
    ["it allows", { default: "allow" }, "in"],
    [
      "it names the project's group without having it",
      { permissions: { p: { terminal: true } }, default: "allow" },
      "policy_error",
    ],
    ["it cannot be read", { groups: { c: ip("x") }, default: "allow" }, "policy_error"],
  ])("R5 %s", async (_what, own, expected) => {
    expect(await outcome(own === null ? { project } : { project, own })).toBe(expected);
  });

  test("R5 deleted, the project's holds again", async () => {
    const { host, placed, witness } = await bench.scene({ project, own: { default: "deny" } });
    const programs = { terminal: witness.port };
    expect((await answerTo(bench.proxy.port, request(host)))?.status).toBe(403);
    await placed.change({ project, programs });
    expect((await answerTo(bench.proxy.port, request(host)))?.status).toBe(200);
    await placed.change({ project: { default: "deny" }, programs });
    expect((await answerTo(bench.proxy.port, request(host)))?.status).toBe(403);
  });
});

test("R6 killed right after a write was acknowledged, it enforces that write when it is back", async () => {
  await using upstream = await startUpstream();
  let program = await startProgram();
  try {
    const { dataDir } = program;
    const api = await loginAdmin(program.urls);
    const place = await makePlace(api, program.urls, upstream.port);
    expect(await statusThrough(program.urls, place.host("terminal-1"))).toBe(200);
    const { path } = new Document(api, program.urls, "containers", place.containerId);
    const body = { default: "deny", groups: {} };
    const written = await api.call("PUT", path, { body, headers: { "if-match": "file:v0" } });
    await program.kill();
    expect(written.status).toBe(200);
    program = await startProgram({ dataDir });
    expect(await statusThrough(program.urls, place.host("terminal-1"))).toBe(403);
    const again = new Document(
      await loginAdmin(program.urls),
      program.urls,
      "containers",
      place.containerId,
    );
    await enforced(program.urls, await again.replace({ default: "allow" }));
    expect(await statusThrough(program.urls, place.host("terminal-1"))).toBe(200);
  } finally {
    await program[Symbol.asyncDispose]();
  }
});

test("R7 with the control plane away the last good documents go on to decide, and its return is noticed", async () => {
  const { host, placed, witness } = await bench.scene({ own: { default: "deny" } });
  const open = await bench.scene();
  let away = false;
  const gate = await startProxy(bench.options({ responseHeaderMs: 60_000 }), {
    changesAfter: (revision) =>
      away ? Promise.reject(new Error("away")) : bench.registry.changesAfter(revision),
    onCommit: (listener) => bench.registry.onCommit(listener),
  });
  try {
    const statuses = async () => [
      (await answerTo(gate.port, request(host)))?.status,
      (await answerTo(gate.port, request(open.host)))?.status,
    ];
    expect(await statuses()).toEqual([403, 200]);
    away = true;
    await placed.change({ programs: { terminal: witness.port } });
    expect(await gate.reached(bench.registry.revision, 50)).toBe(false);
    expect(await statuses()).toEqual([403, 200]);
    away = false;
    expect(await gate.reached(bench.registry.revision, 20_000)).toBe(true);
    expect(await statuses()).toEqual([200, 200]);
  } finally {
    await gate.stop(true);
  }
});

test("R8 of 64 writers that saw one version one wins, the others are told 412", async () => {
  const place = await container();
  for (let round = 0; round < 3; round++) {
    const racing = Array.from({ length: 64 }, (_, n) => write(place, version(n), `file:v${round}`));
    const answers = await Promise.all(racing);
    const won = answers.filter(({ status }) => status === 200);
    expect(won.map(({ body }) => body.data.file_version)).toEqual([round + 1]);
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(63);
  }
});

describe("R9 only one strong tag, to the letter, is the present version", () => {
  test.each<[string, string | undefined, number]>([
    ["bare", "file:v1", 200],
    ["quoted", '"file:v1"', 200],
    ["absent", undefined, 428],
    ["any", "*", 412],
    ["weak", 'W/"file:v1"', 412],
    ["a list with it", '"file:v0", "file:v1"', 412],
    ["a list of it", '"file:v1", "file:v1"', 412],
    ["past", "file:v0", 412],
    ["to come", "file:v2", 412],
    ["a leading zero", "file:v01", 412],
    ["huge", "file:v99999999999999999999", 412],
    ["2^32+1", "file:v4294967297", 412],
    ["in upper case", "FILE:V1", 412],
    ["the number alone", "1", 412],
    ["single quotes", "'file:v1'", 412],
  ])("R9 %s", async (_what, ifMatch, status) => {
    const place = await container();
    expect((await write(place, version(1), "file:v0")).status).toBe(200);
    const body = version(2);
    const asked = { method: "PUT", path: place.path, realm: null, body };
    const seen = await plane.call(owner, ifMatch === undefined ? asked : { ...asked, ifMatch });
    expect(seen.status).toBe(status);
    // R11: the refusal tells the code and nothing of what is stored.
    if (status !== 200) {
      expect(Object.keys(JSON.parse(seen.text)).toSorted()).toEqual([
        "code",
        "error",
        "message",
        "statusCode",
      ]);
      expect(seen.headers.etag).toBeUndefined();
    }
  });

  test("R9 white space around it is the connection's, not the tag's (RFC 9110 §5.5)", async () => {
    const place = await container();
    const wire = await answerTo(
      plane.restPort,
      [
        `DELETE /api/v1${place.path} HTTP/1.1`,
        "Host: api.localhost",
        `Authorization: ${owner}`,
        "If-Match:   file:v0  ",
        "\r\n",
      ].join("\r\n"),
    );
    expect(wire?.status).toBe(200);
  });
});

test("R10 a document that is deleted and made again goes on counting: no version comes twice", async () => {
  const place = await container();
  const seen = new Set<number>();
  for (let n = 0; n < 12; n += 2) {
    const made = await write(place, version(n), `file:v${n}`);
    const gone = await plane.call(owner, {
      method: "DELETE",
      path: place.path,
      realm: null,
      ifMatch: `file:v${n + 1}`,
    });
    expect([made.status, gone.status]).toEqual([200, 200]);
    seen.add(made.body.data.file_version);
    // A writer that saw it before the deletion is too late.
    expect((await write(place, version(n), `file:v${n + 1}`)).status).toBe(412);
  }
  expect(seen.size).toBe(6);
});
