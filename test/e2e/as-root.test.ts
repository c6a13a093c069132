// An operator who is root works on the data of a gate that is somebody else: what is left belongs to the gate.
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import {
  chownSync,
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
import { adminPassword, startProgram } from "../harness/program.ts";

setDefaultTimeout(60_000);

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn("SKIPPED: only root finds files that are somebody else's");
const main = resolve(import.meta.dir, "../../src/main.ts");
const GATE = 65_534;
const root = mkdtempSync(join(tmpdir(), "realmgate-root-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function run(words: readonly string[]) {
  const child = Bun.spawn([process.execPath, main, ...words], {
    env: { PATH: process.env.PATH, HOME: root },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exit: await child.exited, said: `${out}${err}` };
}

/** The data of a stopped gate, which belongs to that gate alone, and a folder of root's alone. */
async function stopped() {
  const place = mkdtempSync(join(root, "case-"));
  const dataDir = join(place, "data");
  const ours = join(place, "ours");
  mkdirSync(ours, { mode: 0o700 });
  const program = await startProgram({ dataDir });
  const backup = join(ours, "backup.sqlite");
  const saved = await run(["backup", backup, "--with-key", "--data-dir", dataDir]);
  expect(saved).toMatchObject({ exit: 0 });
  program.signal("SIGTERM");
  await program.exited;
  for (const name of readdirSync(dataDir)) chownSync(join(dataDir, name), GATE, GATE);
  for (const folder of [root, place, dataDir]) chownSync(folder, GATE, GATE);
  const owners = () =>
    Object.fromEntries(
      readdirSync(dataDir).map((name) => [name, statSync(join(dataDir, name)).uid]),
    );
  return { dataDir, ours, backup, owners };
}

test.skipIf(!isRoot)(
  "restore leaves files of the data directory's owner, from a backup that root alone may read",
  async () => {
    const { dataDir, backup, owners } = await stopped();
    const key = join(dataDir, "secret.key");
    rmSync(key);
    const done = await run(["restore", backup, "--data-dir", dataDir]);
    expect([done.exit, done.said]).toEqual([0, expect.stringContaining("restored from")]);
    expect(Object.keys(owners())).toContain("secret.key");
    expect(new Set(Object.values(owners()))).toEqual(new Set([GATE]));
    expect(statSync(key).mode & 0o777).toBe(0o600);
  },
);

test.skipIf(!isRoot)(
  "admin reset-password leaves files of the database's owner, and follows no link of the gate's",
  async () => {
    const { dataDir, ours, owners } = await stopped();
    const precious = join(ours, "precious");
    writeFileSync(precious, "precious");
    // A gate that was broken into has put them there.
    for (const name of ["realmgate.sqlite.reserve", "realmgate.sqlite.lock"]) {
      rmSync(join(dataDir, name), { force: true });
      symlinkSync(precious, join(dataDir, name));
    }
    const words = ["admin", "reset-password", "--data-dir", dataDir];
    expect((await run(words)).exit).toBe(1);
    rmSync(join(dataDir, "realmgate.sqlite.lock"));
    const done = await run(words);
    expect([done.exit, done.said]).toEqual([0, expect.stringContaining("shown only now")]);
    expect(done.said).not.toContain(adminPassword);
    expect(new Set(Object.values(owners()))).toEqual(new Set([GATE]));
    expect(readFileSync(precious, "utf8")).toBe("precious");
  },
);
