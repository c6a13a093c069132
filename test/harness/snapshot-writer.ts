// Keeps changes in a snapshot file for ever, and prints each revision before it is kept. PATH: the file.
import { SecretBox } from "../../src/admin/store/sealed.ts";
import { SnapshotFile } from "../../src/proxy/snapshot/snapshot-file.ts";
import { SnapshotWorld, worldAt } from "./snapshot-world.ts";

const [path = ""] = process.argv.slice(2);
const box = new SecretBox(Buffer.alloc(32, 7), "snapshot");
const log = { error: console.error, warn() {}, info() {} };
const file = new SnapshotFile({ path, box, log, flushMs: 0, server: "local", logBytes: 4_000 });
const world = new SnapshotWorld();
for (let n = 1; ; n++) {
  const changes = world.change(worldAt(n));
  file.keep(n % 40 === 1 ? world.whole() : changes, n % 40 === 1, n);
  process.stdout.write(`${n}\n`);
  while (file.saved.revision !== world.revision) await new Promise((done) => setTimeout(done, 0));
}
