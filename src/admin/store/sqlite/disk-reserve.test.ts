import { afterEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DiskReserve, isEssential, reserveBytes, reservePath } from "./disk-reserve.ts";

const folder = mkdtempSync(join(tmpdir(), "realmgate-reserve-"));
const database = join(folder, "db.sqlite");
const path = reservePath(database);
afterEach(() => rmSync(path, { force: true }));

test("the room is set aside at once, and given back in slices until there is none", () => {
  const reserve = new DiskReserve(database);
  expect([statSync(path).size, reserve.isShort]).toEqual([reserveBytes, false]);
  let slices = 0;
  while (reserve.release()) slices++;
  expect([slices, statSync(path).size]).toEqual([32, 0]);
});

test("a process that starts while some was given back sets the rest aside where there is room", () => {
  new DiskReserve(database).release();
  expect(statSync(path).size).toBeLessThan(reserveBytes);
  const next = new DiskReserve(database);
  expect([statSync(path).size, next.isShort]).toEqual([reserveBytes, false]);
});

test("a folder that cannot be written has no reserve, and is not short of room for that", () => {
  const reserve = new DiskReserve(join(folder, "missing", "db.sqlite"));
  expect([reserve.isShort, reserve.release()]).toEqual([false, false]);
  expect(existsSync(join(folder, "missing"))).toBe(false);
});

test("a file of another size is made anew", () => {
  new DiskReserve(database);
  truncateSync(path, 10);
  expect(new DiskReserve(database).isShort).toBe(false);
  expect(statSync(path).size).toBe(reserveBytes);
});

test("a link in its place leads nowhere: it is removed, and what it led to is as it was", () => {
  const target = join(folder, "precious");
  writeFileSync(target, "precious");
  symlinkSync(target, path);
  const reserve = new DiskReserve(database);
  expect(reserve.release()).toBe(false);
  expect(readFileSync(target, "utf8")).toBe("precious");
  expect(existsSync(path)).toBe(false);
  // One that comes later is not cut off, either.
  const later = new DiskReserve(database);
  rmSync(path);
  symlinkSync(target, path);
  expect(() => later.release()).toThrow("ELOOP");
  expect(readFileSync(target, "utf8")).toBe("precious");
});

test.each([
  ["auth.session.created", true],
  ["proxy.permissions.state_changed", true],
  ["user.banned", true],
  ["container.connections_ended", true],
  ["auth.session.refused", false],
  ["proxy.permissions.updated", false],
])("%s: essential %p", (kind, expected) => {
  expect(isEssential(kind)).toBe(expected);
});
