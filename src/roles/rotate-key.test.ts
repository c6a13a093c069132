// What rotate-key does in a folder of a user who may mean harm: a gate that was broken into.
import { afterAll, expect, test } from "bun:test";
import {
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { KeyRing } from "../admin/store/key-ring.ts";
import { openSqliteStore } from "../admin/store/sqlite/sqlite-store.ts";
import { textOf } from "./secret-key-file.ts";

const main = resolve(import.meta.dir, "../main.ts");
const root = mkdtempSync(join(tmpdir(), "realmgate-links-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const isRoot = process.getuid?.() === 0;
/** Where root runs this, the gate is someone else. */
const gateUser = isRoot ? 65_534 : (process.getuid?.() ?? 0);
const gateGroup = isRoot ? 65_534 : (process.getgid?.() ?? 0);

/** A stopped gate, and a folder of ours alone that it has no business in. */
async function stopped() {
  const place = mkdtempSync(join(root, "case-"));
  const dataDir = join(place, "data");
  const ours = join(place, "ours");
  for (const folder of [dataDir, ours]) mkdirSync(folder, { mode: 0o700 });
  for (const folder of [root, place]) chownSync(folder, gateUser, gateGroup);
  const key = Buffer.alloc(32, 1);
  writeFileSync(join(dataDir, "secret.key"), textOf([key]), { mode: 0o600 });
  const path = join(dataDir, "realmgate.sqlite");
  await openSqliteStore({ path, box: new KeyRing([key]).valueBox(), now: Date.now }).close();
  for (const name of readdirSync(dataDir)) chownSync(join(dataDir, name), gateUser, gateGroup);
  chownSync(dataDir, gateUser, gateGroup);
  return { dataDir, ours, key: () => readFileSync(join(dataDir, "secret.key"), "utf8") };
}

async function rotate(dataDir: string, environment: Readonly<Record<string, string>> = {}) {
  const child = Bun.spawn([process.execPath, main, "rotate-key", "--data-dir", dataDir], {
    env: { PATH: process.env.PATH, HOME: root, ...environment },
    stdout: "pipe",
    stderr: "pipe",
  });
  const err = await new Response(child.stderr).text();
  return { code: await child.exited, err };
}

test("a lock that is a link is refused with one line, and nothing is made where it leads", async () => {
  const { dataDir, ours, key } = await stopped();
  const before = key();
  const lock = join(dataDir, "secret.key.lock");
  symlinkSync(join(ours, "absent"), lock);
  expect(await rotate(dataDir)).toEqual({
    code: 1,
    err: `realmgate: ${lock} is a link: look who made it, and remove it\n`,
  });
  expect([existsSync(join(ours, "absent")), key()]).toEqual([false, before]);
});

test.each(["link", "second name"])(
  "a file to which the lock is a %s is not touched",
  async (way) => {
    const { dataDir, ours, key } = await stopped();
    const before = key();
    const target = join(ours, "empty");
    writeFileSync(target, "");
    const owner = statSync(target).uid;
    (way === "link" ? symlinkSync : linkSync)(target, join(dataDir, "secret.key.lock"));
    expect((await rotate(dataDir)).code).toBe(1);
    expect([statSync(target).uid, statSync(target).size, key()]).toEqual([owner, 0, before]);
  },
);

test.skipIf(!isRoot)("as root, it goes no further than the owner of the key may go", async () => {
  const { dataDir, ours, key } = await stopped();
  const before = key();
  symlinkSync(join(ours, "absent"), join(dataDir, "realmgate.sqlite.lock"));
  const given = textOf([Buffer.alloc(32, 2), Buffer.alloc(32, 1)])
    .replace("\n", ",")
    .trim();
  for (const environment of [{ REALMGATE_SECRET_KEY: given }, undefined]) {
    expect((await rotate(dataDir, environment)).code).toBe(1);
    expect(existsSync(join(ours, "absent"))).toBe(false);
  }
  rmSync(join(dataDir, "realmgate.sqlite.lock"));

  expect(await rotate(dataDir)).toEqual({ code: 0, err: "" });
  expect(key()).not.toBe(before);
  const owners = readdirSync(dataDir).map((name) => statSync(join(dataDir, name)).uid);
  expect(new Set(owners)).toEqual(new Set([gateUser]));
});
