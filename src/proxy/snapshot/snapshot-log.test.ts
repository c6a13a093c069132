import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SecretBox } from "../../admin/store/sealed.ts";
import { DOCUMENT, type FileRecord } from "./file-record.ts";
import { SnapshotLog } from "./snapshot-log.ts";

const RECORDS = 10_000;
/** Of a record: an id of one byte, and the rest of field 2. */
const RECORD_BYTES = 1_024;
/** What makes a frame, and one record more. */
const FRAME_RECORDS_MAX = 65;

test("of much that is saved no more than a frame is made in a turn of the event loop", async () => {
  const folder = mkdtempSync(join(tmpdir(), "realmgate-log-"));
  const message = Buffer.alloc(RECORD_BYTES);
  message.set([0x0a, 0x01, 0x61, 0x12, ...[0xfa, 0x07]]);
  let [taken, turns, most] = [0, 0, 0];
  const records = function* (): Generator<FileRecord> {
    for (let n = 0; n < RECORDS; n++) {
      taken++;
      yield { kind: DOCUMENT, message };
    }
  };
  let isOver = false;
  const turn = () => {
    turns++;
    most = Math.max(most, taken);
    taken = 0;
    if (!isOver) setImmediate(turn);
  };
  try {
    const path = join(folder, "snapshot");
    const place = { path, draft: `${path}.new`, setAside: async () => {} };
    const box = new SecretBox(Buffer.alloc(32, 1), "snapshot");
    const commit = { revision: 1n, lineages: [], heardAtMs: 0, server: null };
    turn();
    const log = await SnapshotLog.created({ ...place, box }, records(), commit);
    expect(most).toBeLessThanOrEqual(FRAME_RECORDS_MAX);
    await log.append(records(), { ...commit, revision: 2n });
    expect(most).toBeLessThanOrEqual(FRAME_RECORDS_MAX);
    expect(turns).toBeGreaterThan((2 * RECORDS) / FRAME_RECORDS_MAX);
    await log.close();
  } finally {
    isOver = true;
    rmSync(folder, { recursive: true });
  }
});
