import { afterAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, equals } from "@bufbuild/protobuf";
import {
  type Changes,
  ChangesSchema,
  ContainerStateSchema,
  DocumentContentSchema,
  ProjectStateSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { loaded } from "../../../test/harness/saved-snapshot.ts";
import { until } from "../../../test/harness/until.ts";
import type { Box } from "./snapshot-codec.ts";
import { SnapshotFile } from "./snapshot-file.ts";

const root = mkdtempSync(join(tmpdir(), "realmgate-snapshot-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const HEARD_AT_MS = 1_700_000_000_000;

/** Seals as the real one does, as far as it matters here: other key, other context, other bytes → null. */
function testBox(key: string): Box {
  const mac = (plain: Buffer, context: string) =>
    new Bun.CryptoHasher("sha256", key).update(context).update("|").update(plain).digest();
  return {
    seal: (plain, context) => Buffer.concat([mac(plain, context), plain]),
    open(sealed, context) {
      const plain = sealed.subarray(32);
      return sealed.subarray(0, 32).equals(mac(plain, context)) ? plain : null;
    },
  };
}

function started(path = join(mkdtempSync(join(root, "x")), "snapshot"), key = "key") {
  const lines: string[] = [];
  const log = {
    error: (_: object, message: string) => lines.push(message),
    warn() {},
    info: (_: object, message: string) => lines.push(message),
  };
  const file = new SnapshotFile({ path, box: testBox(key), log, flushMs: 1 });
  return { file, path, lines };
}

const project = (id: string, disabled = false, deleted = false) =>
  create(ProjectStateSchema, { id, disabled, deleted });
const container = (id: string, text = "") =>
  create(ContainerStateSchema, { id, projectId: "p", address: text, running: true });

function changes(
  revision: bigint,
  ...states: (ReturnType<typeof project> | ReturnType<typeof container>)[]
): Changes {
  return create(ChangesSchema, {
    revision,
    projects: states.filter((state) => state.$typeName === "realmgate.v1.ProjectState"),
    containers: states.filter((state) => state.$typeName === "realmgate.v1.ContainerState"),
  });
}

/** A file with some hundred kilobytes, in several frames. */
async function written(): Promise<{ path: string; all: Changes }> {
  const { file, path } = started();
  const all = changes(
    7n,
    project("p"),
    ...Array.from({ length: 500 }, (_, n) => container(`c${n}`, "x".repeat(1_000))),
  );
  file.keep(all, true, HEARD_AT_MS);
  await file.close();
  return { path, all };
}

test("what was kept is there after a restart, and nobody else may read it", async () => {
  const { path, all } = await written();
  const saved = await loaded(started(path).file);
  expect(saved?.heardAtMs).toBe(HEARD_AT_MS);
  expect(saved !== null && equals(ChangesSchema, saved.changes, all)).toBe(true);
  expect(statSync(path).mode & 0o077).toBe(0);
  expect(statSync(path).size).toBeGreaterThan(500_000);
});

test("the latest of each counts, and what is gone is gone", async () => {
  const { file, path } = started();
  file.keep(changes(1n, project("a"), project("b"), container("a")), true, HEARD_AT_MS);
  file.keep(changes(2n, project("a", true), project("b", false, true)), false, HEARD_AT_MS + 1);
  await file.close();
  const saved = await loaded(started(path).file);
  expect(saved?.changes.revision).toBe(2n);
  expect(saved?.changes.projects.map(({ id, disabled }) => [id, disabled])).toEqual([["a", true]]);
  expect(saved?.changes.containers.map(({ id }) => id)).toEqual(["a"]);
});

test("a document is kept once, for as long as a state names it", async () => {
  const { file, path } = started();
  const content = (digest: string) =>
    create(DocumentContentSchema, { digest, json: `{${digest}}` });
  const owner = (id: string, documentDigest?: string) => {
    const state = container(id);
    return documentDigest === undefined ? state : { ...state, documentDigest };
  };
  const kept = async (revision: bigint) => {
    await until(() => file.saved.revision === revision, "the revision is saved");
    const saved = await loaded(started(path).file);
    return saved?.changes.documents.map(({ digest, json }) => `${digest}${json}`).sort();
  };
  const contents = ["one", "two", "never"].map(content);
  const all = changes(1n, owner("a", "one"), owner("b", "one"), owner("c", "two"), owner("d"));
  file.keep({ ...all, documents: contents }, true, HEARD_AT_MS);
  expect(await kept(1n)).toEqual(["one{one}", "two{two}"]);
  // The same again, then away from one of two, then away from the last.
  file.keep(changes(2n, owner("a", "one"), owner("b", "two")), false, HEARD_AT_MS + 1);
  expect(await kept(2n)).toEqual(["one{one}", "two{two}"]);
  file.keep(changes(3n, owner("a"), owner("c", "missing")), false, HEARD_AT_MS + 2);
  expect(await kept(3n)).toEqual(["two{two}"]);
  const gone = changes(4n, { ...container("b"), deleted: true });
  file.keep({ ...gone, documents: [content("missing")] }, false, HEARD_AT_MS + 3);
  expect(await kept(4n)).toEqual([]);
});

test("all there is leaves nothing of what was before", async () => {
  const { file, path } = started();
  file.keep(changes(5n, project("revoked")), true, HEARD_AT_MS);
  file.keep(changes(6n, project("a")), true, HEARD_AT_MS);
  await file.close();
  const saved = await loaded(started(path).file);
  expect(saved?.changes.projects.map(({ id }) => id)).toEqual(["a"]);
});

test("changes are written without being asked, and what comes meanwhile comes after", async () => {
  const { file, path } = started();
  for (let n = 1; n <= 50; n++) {
    file.keep(changes(BigInt(n), project(`p${n}`)), n === 1, HEARD_AT_MS);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const deadline = performance.now() + 5_000;
  while (file.saved.revision !== 50n && performance.now() < deadline) await Bun.sleep(5);
  expect(file.saved.revision).toBe(50n);
  expect((await loaded(started(path).file))?.changes.projects).toHaveLength(50);
  await file.close();
});

test("nothing there is nothing, and no reason to cry", async () => {
  const { file, lines } = started();
  expect(await loaded(file)).toBeNull();
  expect(lines).toEqual([]);
});

describe("a file that cannot be believed is put aside, loudly", () => {
  const cut = (bytes: Buffer, length: number) => bytes.subarray(0, length);
  const flipped = (bytes: Buffer, at: number) => {
    const copy = Buffer.from(bytes);
    copy.writeUInt8(copy.readUInt8(at) ^ 1, at);
    return copy;
  };
  /** The places where frames begin. */
  function frames(bytes: Buffer): number[] {
    const places: number[] = [];
    for (let at = 24; at < bytes.length; at += 4 + bytes.readUInt32BE(at)) places.push(at);
    return places;
  }
  const swapped = (bytes: Buffer) => {
    const [, first = 0, second = 0, third = 0] = frames(bytes);
    return Buffer.concat([
      bytes.subarray(0, first),
      bytes.subarray(second, third),
      bytes.subarray(first, second),
      bytes.subarray(third),
    ]);
  };

  test.each<[string, (bytes: Buffer) => Buffer]>([
    ["empty", () => Buffer.alloc(0)],
    ["noise", () => randomBytes(10_000)],
    ["an earlier version, which it is not", (bytes) => flipped(bytes, 7)],
    ["a version that is not known", (bytes) => Buffer.from(bytes).fill(9, 7, 8)],
    ["another file's header", (bytes) => flipped(bytes, 12)],
    ["cut in its header", (bytes) => cut(bytes, 20)],
    ["cut after its header", (bytes) => cut(bytes, 24)],
    ["cut in a length", (bytes) => cut(bytes, (frames(bytes)[1] ?? 0) + 2)],
    ["cut between frames", (bytes) => cut(bytes, frames(bytes)[2] ?? 0)],
    ["cut at its last byte", (bytes) => cut(bytes, bytes.length - 1)],
    ["a bit of the head", (bytes) => flipped(bytes, 80)],
    ["a bit of a state", (bytes) => flipped(bytes, bytes.length - 10)],
    ["a length", (bytes) => flipped(bytes, frames(bytes)[1] ?? 0)],
    ["frames in another order", swapped],
    ["something after its end", (bytes) => Buffer.concat([bytes, Buffer.from("more")])],
  ])("%s", async (_what, damage) => {
    const { path } = await written();
    const before = readFileSync(path);
    const damaged = damage(before);
    writeFileSync(path, damaged);
    const { file, lines } = started(path);
    expect(await loaded(file)).toBeNull();
    expect(lines).toEqual(["the saved snapshot cannot be used; it is put aside"]);
    // Not before there is another: a start that fails changes nothing.
    expect(readFileSync(path).equals(damaged)).toBe(true);
    expect(existsSync(`${path}.aside`)).toBe(false);
    file.keep(changes(1n, project("a")), true, HEARD_AT_MS);
    await file.close();
    expect(readFileSync(`${path}.aside`).equals(damaged)).toBe(true);
    expect((await loaded(started(path).file))?.changes.revision).toBe(1n);
  });

  test("sealed with another key", async () => {
    const { path } = await written();
    const { file, lines } = started(path, "another");
    expect(await loaded(file)).toBeNull();
    expect(lines).toHaveLength(1);
  });

  test("a folder is not even put aside", async () => {
    const { file, path, lines } = started();
    mkdirSync(path);
    expect(await loaded(file)).toBeNull();
    expect(lines).toEqual(["the saved snapshot cannot be read"]);
  });
});

test("where it cannot be written that is said once, counted, and said when it can again", async () => {
  const { file, path, lines } = started();
  mkdirSync(`${path}.new`);
  writeFileSync(join(`${path}.new`, "in-the-way"), "");
  file.keep(changes(1n, project("a")), true, HEARD_AT_MS);
  const deadline = performance.now() + 5_000;
  while (file.saved.failures === 0 && performance.now() < deadline) await Bun.sleep(5);
  expect(lines).toEqual(["the snapshot cannot be saved; trying again"]);
  rmSync(`${path}.new`, { recursive: true });
  await file.close();
  expect(lines.slice(1)).toEqual(["snapshots are saved again"]);
  expect((await loaded(started(path).file))?.changes.revision).toBe(1n);
});

test("a half-written successor is no danger, and nothing is left beside the file", async () => {
  const { path } = await written();
  writeFileSync(`${path}.new`, "half");
  const { file } = started(path);
  expect((await loaded(file))?.changes.revision).toBe(7n);
  file.keep(changes(8n, project("p")), true, HEARD_AT_MS);
  await file.close();
  expect(readdirSync(join(path, ".."))).toEqual(["snapshot"]);
});

test("a change goes to the end of the file, and a new one takes its place once changes outweigh it", async () => {
  const { file, path } = started();
  const many = Array.from({ length: 100 }, (_, n) => container(`c${n}`, "x".repeat(1_000)));
  file.keep(changes(1n, ...many), true, HEARD_AT_MS);
  await until(() => file.saved.revision === 1n, "all is saved");
  const [inode, size] = [statSync(path).ino, statSync(path).size];
  file.keep(changes(2n, project("p")), false, HEARD_AT_MS + 1);
  await until(() => file.saved.revision === 2n, "a change is saved");
  expect([statSync(path).ino, statSync(path).size - size < 300]).toEqual([inode, true]);
  // The limit is 1 MiB where that is more than half of the file.
  for (let revision = 3n; statSync(path).ino === inode; revision++) {
    expect(statSync(path).size).toBeLessThan(1_500_000);
    file.keep(changes(revision, ...many), false, HEARD_AT_MS + Number(revision));
    await until(() => file.saved.revision === revision, "many changes are saved");
  }
  expect(statSync(path).size).toBeLessThan(2 * size);
  expect((await loaded(started(path).file))?.changes.containers).toHaveLength(100);
  await file.close();
});

test("sealed anew with another key, nothing is left that the old one opens", async () => {
  const path = join(mkdtempSync(join(root, "x")), "snapshot");
  const [old, next] = [testBox("old"), testBox("next")];
  let seal = old.seal;
  const both: Box = {
    seal: (plain, context) => seal(plain, context),
    open: (sealed, context) => old.open(sealed, context) ?? next.open(sealed, context),
  };
  const log = { error() {}, warn() {}, info() {} };
  const file = new SnapshotFile({ path, box: both, log, flushMs: 1 });
  expect(await file.saveAnew()).toBe(false);
  file.keep(changes(1n, project("a")), true, HEARD_AT_MS);
  await until(() => file.saved.revision === 1n, "all is saved");
  seal = next.seal;
  expect(await file.saveAnew()).toBe(true);
  expect((await loaded(started(path, "next").file))?.changes.revision).toBe(1n);
  expect(await loaded(started(path, "old").file)).toBeNull();
  await file.close();
});

describe("a batch of several messages", () => {
  test("is saved with the documents that came in an earlier one", async () => {
    const { file, path } = started();
    file.keep(create(ChangesSchema, { revision: 1n }), true, HEARD_AT_MS);
    await until(() => existsSync(path), "a file");
    const named = (id: string) => create(ProjectStateSchema, { id, documentDigest: `of ${id}` });
    const content = (id: string) =>
      create(DocumentContentSchema, { digest: `of ${id}`, json: `{"${id}":1}` });
    const messages = [
      create(ChangesSchema, { documents: [content("p")] }),
      create(ChangesSchema, { documents: [content("q")], projects: [named("p")] }),
      create(ChangesSchema, { projects: [named("q")] }),
    ];
    const parts = { revision: 2n, lineages: [], all: false, parts: messages, states: null };
    file.keep(parts, false, HEARD_AT_MS + 1);
    await file.close();
    const saved = await loaded(started(path).file);
    expect(saved?.changes.documents.map(({ digest }) => digest).toSorted()).toEqual([
      "of p",
      "of q",
    ]);
  });
});

test("a predecessor that ends leaves what its successor has saved", async () => {
  const path = join(mkdtempSync(join(root, "x")), "snapshot");
  const shared = () =>
    new SnapshotFile({
      path,
      box: testBox("key"),
      log: { error() {}, warn() {}, info() {} },
      flushMs: 1,
      isShared: true,
    });
  const isSaved = (revision: bigint) => async () =>
    (await loaded(shared()))?.changes.revision === revision;
  const before = shared();
  const after = shared();
  const changes = (revision: bigint) =>
    create(ChangesSchema, { revision, projects: [project("p", revision === 6n)] });
  before.keep(changes(5n), true, HEARD_AT_MS);
  await until(isSaved(5n), "the predecessor's file");
  after.keep(changes(5n), true, HEARD_AT_MS + 1);
  await until(async () => (await loaded(shared()))?.heardAtMs === HEARD_AT_MS + 1, "its file");
  // It is heard of on, though nothing changes.
  before.keep(create(ChangesSchema, { revision: 5n }), false, HEARD_AT_MS + 2);
  after.keep(changes(6n), false, HEARD_AT_MS + 3);
  await until(isSaved(6n), "what the successor heard");
  await before.close();
  expect(await isSaved(6n)()).toBe(true);
  await after.close();
});
