import { expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../test/harness/until.ts";
import { takeProxyDirectory } from "./proxy-directory.ts";

const log = { error() {}, warn() {}, info() {}, fatal() {} };

function take(path: string, process = "main", maySucceed = false, owner = "hdn_1"): () => void {
  return takeProxyDirectory({ path, owner, process, maySucceed, log });
}

const folder = () => mkdtempSync(join(tmpdir(), "rg-proxy-"));

test("a directory is one proxy's, and free again after it", () => {
  const path = folder();
  const giveBack = take(path);
  expect(() => take(path)).toThrow(`REALMGATE_DATA_DIR: ${path} is in use by another proxy`);
  expect(() => take(path, "other", true)).toThrow("in use");
  expect(() => take(path, "main", true, "hdn_2")).toThrow("in use");
  giveBack();
  take(path, "other")();
});

test("a successor starts beside its predecessor, and has the directory after it", async () => {
  const path = folder();
  const giveBack = take(path, "main", true);
  const giveBackLater = take(path, "main", true);
  giveBack();
  await until(() => {
    try {
      take(path)();
      return false;
    } catch {
      return true;
    }
  }, "the successor holds it");
  giveBackLater();
  take(path)();
});
