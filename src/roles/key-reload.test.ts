import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KeyRing } from "../admin/store/key-ring.ts";
import type { Log } from "../log.ts";
import { KeyReload, type KeyReloadOptions } from "./key-reload.ts";
import { textOf, writeSecretKeyFile } from "./secret-key-file.ts";

const folder = mkdtempSync(join(tmpdir(), "realmgate-keys-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [one, two] = [1, 2].map((byte) => Buffer.alloc(32, byte)) as [Buffer, Buffer];
const path = join(folder, "secret.key");

function reloaded(more: Partial<KeyReloadOptions> = {}) {
  const said: string[] = [];
  const note = (_: object, text: string) => void said.push(text);
  const log = { info: note, warn: note, error: note } as unknown as Log;
  const ring = new KeyRing([one]);
  let changes = 0;
  const reload = new KeyReload({ ring, path, log, changed: () => void changes++, ...more });
  return { said, ring, reload, changes: () => changes };
}

test("another key in the file is taken over once, and the file stays its owner's alone", () => {
  writeSecretKeyFile(path, [one]);
  const { ring, reload, changes } = reloaded();
  reload.check();
  expect(changes()).toBe(0);
  writeSecretKeyFile(path, [two, one]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  reload.check();
  reload.check();
  reload.stop();
  expect([changes(), ring.masters]).toEqual([1, [two, one]]);
});

test("a file without the key that seals now is refused; that key goes once another comes first", () => {
  writeSecretKeyFile(path, [two]);
  const { said, ring, reload } = reloaded();
  reload.check();
  expect([ring.masters, said]).toEqual([[one], [expect.stringContaining("is not in the file")]]);
  for (const keys of [[two, one], [two]]) {
    writeSecretKeyFile(path, keys);
    reload.check();
    expect(ring.masters).toEqual(keys);
  }
  reload.stop();
});

test.each([
  ["half a key", "half a ke\n"],
  ["nothing", ""],
  ["more keys than there can be", textOf([one, two, one, two, one])],
])("a file with %s is refused, once, and the keys from before stay", (_, text) => {
  writeFileSync(path, text);
  const { said, ring, reload, changes } = reloaded();
  reload.check();
  reload.check();
  expect([changes(), ring.masters]).toEqual([0, [one]]);
  expect(said).toEqual([expect.stringContaining("does not hold")]);
  rmSync(path);
  reload.check();
  reload.stop();
  expect(said.slice(1)).toEqual([expect.stringContaining("cannot be read (ENOENT)")]);
});

test("before anything is sealed a whole rotation may pass unseen; the key from before opens until another has ended", () => {
  for (const keepsOld of [true, false]) {
    const now = { hasSealed: false, isRotating: false };
    writeSecretKeyFile(path, [two]);
    const { said, ring, reload, changes } = reloaded({
      hasSealed: () => now.hasSealed,
      keepsOld,
      isRotating: () => now.isRotating,
    });
    reload.check();
    reload.check();
    expect([changes(), ring.masters]).toEqual([1, keepsOld ? [two, one] : [two]]);
    Object.assign(now, { hasSealed: true, isRotating: true });
    reload.check();
    expect([changes(), ring.masters]).toEqual([1, keepsOld ? [two, one] : [two]]);
    now.isRotating = false;
    reload.check();
    reload.stop();
    expect(ring.masters).toEqual([two]);
    expect(said.filter((text) => text.includes("those from before stay"))).toEqual([]);
  }
});

test("no key goes while values still come under the first: that is refused, once, until they have", () => {
  writeSecretKeyFile(path, [two, one]);
  let isRotating = true;
  const { said, ring, reload } = reloaded({ isRotating: () => isRotating });
  reload.check();
  said.length = 0;
  writeSecretKeyFile(path, [two]);
  reload.check();
  reload.check();
  expect([ring.masters, said]).toEqual([
    [two, one],
    [expect.stringContaining("still opens values is not in the file")],
  ]);
  isRotating = false;
  reload.check();
  reload.stop();
  expect(ring.masters).toEqual([two]);
});
