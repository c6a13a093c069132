// What a restore leaves when the key that is there is no key, when the settings have another one, and when it is cut off.
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { KeyRing } from "../admin/store/key-ring.ts";
import { openSqliteStore } from "../admin/store/sqlite/sqlite-store.ts";
import { parseConfig } from "../config/config.ts";
import { findings } from "./readiness.ts";
import { replaceInstallation } from "./replace-installation.ts";
import { textOf } from "./secret-key-file.ts";

const main = resolve(import.meta.dir, "../main.ts");
const root = mkdtempSync(join(tmpdir(), "realmgate-restore-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const key = Buffer.alloc(32, 1);
const otherKey = Buffer.alloc(32, 2);

async function realmgate(words: readonly string[], environment: Readonly<Record<string, string>>) {
  const child = Bun.spawn([process.execPath, main, ...words], {
    env: { PATH: process.env.PATH, HOME: root, ...environment },
    stdout: "pipe",
    stderr: "pipe",
  });
  const err = await new Response(child.stderr).text();
  return { exit: await child.exited, err };
}

const original = join(root, "original");

/** A stopped gate with one document, and a backup of it with its key. */
beforeAll(async () => {
  const dataDir = join(original, "data");
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  writeFileSync(join(dataDir, "secret.key"), textOf([key]), { mode: 0o600 });
  const box = new KeyRing([key]).valueBox();
  const path = join(dataDir, "realmgate.sqlite");
  const store = openSqliteStore({ path, box, now: Date.now });
  await store.createFirstUser({ username: "ada", passwordHash: "" });
  const userId = (await store.userForLogin({ username: "ada" }))?.id ?? "";
  const scope = { userId, realmId: null, realms: [], confinedTo: null, level: ProjectLevel.EDIT };
  const made = await store.createProject(scope, {
    ...{ alias: "p", color: "#000", maxContainers: null, realmIds: [] },
  });
  if (made === "duplicate") throw new Error(made);
  const write = { expected: 0, projectVersion: null, enableProxy: true, body: "{}", hooks: null };
  await store.putDocument(scope, { kind: "project", id: made.project.id }, write);
  await store.close();
  // The file may stand anywhere among the flags.
  const backup = ["backup", "--with-key", "--data-dir", dataDir, join(original, "saved.sqlite")];
  expect(await realmgate(backup, {})).toEqual({ exit: 0, err: "" });
}, 30_000);

function stopped() {
  const place = mkdtempSync(join(root, "case-"));
  cpSync(original, place, { recursive: true });
  const dataDir = join(place, "data");
  const database = join(dataDir, "realmgate.sqlite");
  return {
    ...{ dataDir, database, secret: join(dataDir, "secret.key") },
    saved: join(place, "saved.sqlite"),
  };
}

function configOf(dataDir: string, environment: Readonly<Record<string, string>> = {}) {
  const off = ["--rest-listen=off", "--grpc-listen=off", "--ops-listen=off"];
  return parseConfig(environment, ["--data-dir", dataDir, "--proxy-listen=127.0.0.1:0", ...off])
    .config;
}

async function problems(dataDir: string): Promise<readonly string[]> {
  const found = await findings(configOf(dataDir));
  return found.filter(({ level }) => level === "error").map(({ text }) => text);
}

const asides = (dataDir: string) =>
  readdirSync(dataDir).filter((name) => name.includes(".before-restore-"));

test.each(["", "no key\n"])("a key file with %p is set aside like another key", async (text) => {
  const { dataDir, secret, saved } = stopped();
  writeFileSync(secret, text);
  expect(await realmgate(["restore", "--data-dir", dataDir, saved], {})).toEqual({
    ...{ exit: 0, err: "" },
  });
  expect(readFileSync(secret, "utf8")).toBe(textOf([key]));
  expect(
    asides(dataDir)
      .map((name) => name.replace(/\d+$/, ""))
      .toSorted(),
  ).toEqual(
    expect.arrayContaining(["realmgate.sqlite.before-restore-", "secret.key.before-restore-"]),
  );
  expect(await problems(dataDir)).toEqual([]);
});

test("a key of the settings has to open the backup, whatever key lies beside that", async () => {
  const { dataDir, saved } = stopped();
  const before = readdirSync(dataDir).toSorted();
  const given = { REALMGATE_SECRET_KEY: otherKey.toString("base64") };
  const { exit, err } = await realmgate(["restore", saved, "--data-dir", dataDir], given);
  expect([exit, err]).toEqual([1, `realmgate: another key sealed the documents of ${saved}\n`]);
  expect(
    readdirSync(dataDir)
      .filter((name) => !name.endsWith(".lock"))
      .toSorted(),
  ).toEqual(before.filter((name) => !name.endsWith(".lock")));
});

test("where a step fails everything is as it was", async () => {
  const { dataDir, database, secret, saved } = stopped();
  const before = readFileSync(database);
  // The draft of the key cannot be written.
  const draft = `${secret}.${process.pid}.draft`;
  mkdirSync(draft);
  expect(() => replaceInstallation(configOf(dataDir), openSync(saved, "r"), [otherKey])).toThrow(
    "EISDIR",
  );
  rmSync(draft, { recursive: true, force: true });
  expect(readFileSync(database).equals(before)).toBe(true);
  expect([asides(dataDir), existsSync(`${database}.restored`)]).toEqual([[], false]);
  expect(readFileSync(secret, "utf8")).toBe(textOf([key]));
  expect(await problems(dataDir)).toEqual([]);
});

test("what was cut off is not taken for a new installation, and can be begun anew", async () => {
  const { dataDir, database, secret, saved } = stopped();
  renameSync(database, `${database}.before-restore-1`);
  writeFileSync(`${database}.restored`, "a part");
  const left = `${database}.restored is left of a restore that was cut off`;
  expect(await problems(dataDir)).toEqual([expect.stringContaining(left)]);
  renameSync(secret, `${secret}.before-restore-1`);
  expect(await problems(dataDir)).toContainEqual(expect.stringContaining(left));
  const start = ["serve", "--data-dir", dataDir, "--proxy-listen=127.0.0.1:0"];
  const off = ["--rest-listen=off", "--grpc-listen=off", "--ops-listen=off"];
  const { exit, err } = await realmgate([...start, ...off], {});
  expect([exit, err, existsSync(secret)]).toEqual([1, expect.stringContaining(left), false]);
  expect((await realmgate(["restore", saved, "--data-dir", dataDir], {})).exit).toBe(0);
  expect([await problems(dataDir), existsSync(`${database}.restored`)]).toEqual([[], false]);
});
