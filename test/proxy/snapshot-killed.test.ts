// A process that is killed while it saves leaves a file that says what once was, and no less than what it knew to be saved.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SecretBox } from "../../src/admin/store/sealed.ts";
import { SnapshotFile } from "../../src/proxy/snapshot/snapshot-file.ts";
import { loaded } from "../harness/saved-snapshot.ts";
import { SnapshotWorld, told, worldAt } from "../harness/snapshot-world.ts";

const writer = join(import.meta.dir, "../harness/snapshot-writer.ts");

test("kill -9 at any moment: the file opens to a state that once was, the last that was saved or the next", async () => {
  const folder = mkdtempSync(join(tmpdir(), "realmgate-killed-"));
  try {
    // Between appends, and while the file is written anew.
    for (const revisions of [2, 41, 57]) {
      const path = join(folder, `after-${revisions}`);
      const child = Bun.spawn(["bun", writer, path], { stdout: "pipe", stderr: "inherit" });
      let last = 0;
      for await (const chunk of child.stdout) {
        const lines = Buffer.from(chunk).toString().trim().split("\n");
        last = Number(lines.at(-1));
        if (last >= revisions) break;
      }
      child.kill("SIGKILL");
      await child.exited;
      const log = { error: () => {}, warn() {}, info() {} };
      const box = new SecretBox(Buffer.alloc(32, 7), "snapshot");
      const file = new SnapshotFile({ path, box, log, server: "local" });
      const saved = await loaded(file);
      await file.close();
      const revision = Number(saved?.changes.revision ?? 0n);
      // What comes before the line that was read last had been saved when that was printed.
      expect(revision).toBeGreaterThanOrEqual(last - 1);
      const world = new SnapshotWorld();
      for (let n = 1; n <= revision; n++) world.change(worldAt(n));
      expect(saved === null ? null : told(saved.changes)).toBe(told(world.whole()));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
