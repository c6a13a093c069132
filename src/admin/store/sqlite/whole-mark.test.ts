// A database and a copy of its main file alone, at every moment of a life with checkpoints.

import { Database as File } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { SecretBox } from "../sealed.ts";
import { Database } from "./database.ts";
import { fileState } from "./inspect.ts";

const folder = mkdtempSync(join(tmpdir(), "realmgate-mark-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const box = new SecretBox(Buffer.alloc(32, 1), "documents");

function stateOfCopy(path: string): string {
  const copy = join(folder, `${crypto.randomUUID()}.sqlite`);
  copyFileSync(path, copy);
  return fileState(copy);
}

test("the main file alone is known as a part, before and after checkpoints; the whole is not", async () => {
  const path = join(folder, "a.sqlite");
  const db = new Database({ path, box, now: Date.now });
  expect([fileState(path), stateOfCopy(path)]).toEqual(["current", "partial"]);
  const logSizes: number[] = [];
  for (let row = 0; row < 350; row++) {
    // About 16 KB a row: some checkpoints.
    const metadata = JSON.stringify("x".repeat(16_000));
    const id = row.toString(16).padStart(24, "0");
    await db.transaction((tx) =>
      tx.run(
        sql`insert into users (id, username, password_hash, is_admin, session_generation, metadata, created_at, updated_at)
            values (${id}, ${id}, '', 0, 0, ${metadata}, '', '')`,
      ),
    );
    logSizes.push(statSync(`${path}-wal`).size);
    if (row % 40 === 0) expect([row, stateOfCopy(path)]).toEqual([row, "partial"]);
  }
  expect(Math.max(...logSizes)).toBeLessThan(6 * 1024 * 1024);
  const saved = join(folder, "saved.sqlite");
  const beside = new File(path, { readonly: true });
  beside.run("VACUUM INTO ?", [saved]);
  beside.close();
  expect(fileState(saved)).toBe("current");
  db.close();
  expect([
    existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0,
    fileState(path),
    stateOfCopy(path),
  ]).toEqual([false, "current", "current"]);
});
