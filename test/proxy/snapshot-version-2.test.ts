// A snapshot file as the version before wrote it (fixtures/snapshot-version-2): each document lies in its owner's state.
import { expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SecretBox } from "../../src/admin/store/sealed.ts";
import { Snapshot } from "../../src/proxy/snapshot/snapshot.ts";
import { SnapshotFile } from "../../src/proxy/snapshot/snapshot-file.ts";
import { documentContent } from "../harness/feed-changes.ts";
import { loaded } from "../harness/saved-snapshot.ts";

const project = "a".repeat(24);
const office = {
  groups: { office: { type: "ip", range: "10.1.0.0/16" } },
  permissions: { office: { terminal: true } },
  default: "deny",
};

test("is loaded with every document, and saved again in the present form", async () => {
  const folder = mkdtempSync(join(tmpdir(), "realmgate-version-2-"));
  try {
    const path = join(folder, "snapshot");
    copyFileSync(join(import.meta.dir, "fixtures/snapshot-version-2"), path);
    const log = { error: () => {}, warn() {}, info() {} };
    const open = () =>
      new SnapshotFile({ path, log, box: new SecretBox(Buffer.alloc(32, 1), "snapshot") });
    const first = open();
    const saved = await loaded(first);
    if (saved === null) throw new Error("it was not loaded");
    first.keep(saved.changes, true, saved.heardAtMs);
    await first.close();
    const again = await loaded(open());
    for (const { changes } of [saved, again ?? saved]) {
      const { digest } = documentContent(office);
      expect(changes.revision).toBe(42n);
      expect(changes.projects.map(({ documentDigest }) => documentDigest)).toEqual([digest]);
      // Ids and the kill switch inside a document make no other document of it.
      expect(changes.containers.find(({ id }) => id.startsWith("c"))?.documentDigest).toBe(digest);
      expect(changes.documents).toHaveLength(3);
      expect(routes(Snapshot.empty({ ...options, log }).replacedBy(changes))).toEqual({
        b: "deny",
        c: "deny",
        d: "allow",
        e: "deny all",
        f: "policy_error",
        "1": "disabled",
      });
    }
    expect(again).not.toBeNull();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const options = { serverName: "local", programPorts: {}, mayDial: () => true };

function routes(snapshot: Snapshot): Record<string, string> {
  const host = { kind: "direct", project, program: "terminal", instance: 1 } as const;
  const all = ["b", "c", "d", "e", "f", "1"].map((id) => {
    const route = snapshot.route({ ...host, container: id.repeat(24) });
    if (typeof route === "string") return [id, route];
    const { policy } = route;
    if (policy === null) return [id, "open"];
    return [id, `${policy.openByDefault ? "allow" : "deny"}${policy.combineAll ? " all" : ""}`];
  });
  return Object.fromEntries(all);
}
