import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultDataDir, passedOverData } from "./data-dir.ts";

const folder = mkdtempSync(join(tmpdir(), "realmgate-data-dir-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ["the home directory's", { HOME: "/home/ada" }, false, "/home/ada/.local/share/realmgate"],
  ["XDG's", { HOME: "/home/ada", XDG_DATA_HOME: "/xdg" }, false, "/xdg/realmgate"],
  ["the system's for root", { HOME: "/root" }, true, "/var/lib/realmgate"],
  ["systemd's", { STATE_DIRECTORY: "/var/lib/gate:/var/lib/x" }, true, "/var/lib/gate"],
] as const)("%s", (_name, environment, isRoot, path) => {
  expect(defaultDataDir(environment, isRoot)).toBe(path);
});

test("data of an earlier version in the working directory is not passed over", () => {
  const own = join(folder, "own");
  expect(passedOverData(own, folder)).toBeNull();
  mkdirSync(join(folder, "data"));
  writeFileSync(join(folder, "data/realmgate.sqlite"), "");
  expect(passedOverData(own, folder)).toContain(join(folder, "data"));
  expect(passedOverData(own, "/")).toBeNull();
  mkdirSync(own);
  writeFileSync(join(own, "realmgate.sqlite"), "");
  expect(passedOverData(own, folder)).toBeNull();
});
