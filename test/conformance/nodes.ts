// What every Store promises of nodes.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { NodeProcess } from "../../src/admin/store/node-records.ts";
import type { Store } from "../../src/admin/store/store.ts";
import type { Open, OpenStore } from "../harness/open-store.ts";

export function nodeConformance(name: string, open: Open): void {
  describe(`${name}: nodes`, () => {
    let place: OpenStore;
    let store: Store;

    beforeEach(async () => {
      place = await open(Date.now);
      store = place.store;
    });

    afterEach(() => place[Symbol.asyncDispose]());

    const hash = (n: number) => Buffer.alloc(32, n);
    const east = { name: "east-1", role: "proxy", servers: ["east", "near"] } as const;

    async function made(n = 1, fields: object = {}) {
      const node = await store.createNode({ ...east, tokenHash: hash(n), ...fields });
      if (node === "duplicate") throw new Error(node);
      return node;
    }

    function heard(nodeId: string, fields: Partial<NodeProcess> = {}): NodeProcess {
      return {
        ...{ nodeId, process: "proxy", boot: "b", version: "1", servers: ["east"] },
        ...{ enforcedRevision: 7, enforcedLineage: "ab", heardAt: "2026-01-01T00:00:00.000Z" },
        ...{ listeners: ["127.0.0.1:80"], programPorts: { terminal: 76 }, leaseMs: 5_000 },
        ...{ addresses: ["10.0.0.7", "fd00::7"], containerNetworks: ["10.1.0.0/16"] },
        ...fields,
      };
    }

    test("a node is found by its token, and its servers exist", async () => {
      const node = await made();
      expect(node).toMatchObject(east);
      expect(await store.nodeByToken(hash(1))).toEqual(node);
      expect(await store.nodeByToken(hash(2))).toBeNull();
      expect((await store.servers()).map(({ name }) => name)).toEqual(["east", "near"]);
      expect(JSON.stringify(await store.nodes())).not.toContain(hash(1).toString("hex"));
    });

    test("names and tokens are unique, and free again when the node is gone", async () => {
      const node = await made();
      expect(await store.createNode({ ...east, tokenHash: hash(2) })).toBe("duplicate");
      await made(2, { name: "east-2", servers: ["east"] });
      expect((await store.nodes()).map(({ name }) => name)).toEqual(["east-1", "east-2"]);
      expect(await store.deleteNode(node.id)).toEqual(node);
      expect(await store.deleteNode(node.id)).toBeNull();
      expect(await store.nodeByToken(hash(1))).toBeNull();
      await made(3);
    });

    test("processes are kept as they were heard last, and go with their node", async () => {
      const { id } = await made();
      await store.noteProcesses([
        heard(id),
        heard(id, { process: "other" }),
        heard("0".repeat(24)),
      ]);
      const later = heard(id, { boot: "c", enforcedRevision: 9, listeners: [], programPorts: {} });
      await store.noteProcesses([later]);
      await store.noteProcesses([]);
      const byName = (await store.nodeProcesses()).toSorted((a, b) =>
        a.process < b.process ? -1 : 1,
      );
      expect(byName).toEqual([heard(id, { process: "other" }), later]);
      await store.forgetProcess({ nodeId: id, process: "other", boot: "an earlier one" });
      expect(await store.nodeProcesses()).toHaveLength(2);
      await store.forgetProcess({ nodeId: id, process: "other", boot: "b" });
      expect(await store.nodeProcesses()).toEqual([later]);
      const longAgo = { process: "gone", heardAt: new Date(0).toISOString() };
      await store.noteProcesses([heard(id, longAgo)]);
      await store.purgeProcesses(later.heardAt);
      expect(await store.nodeProcesses()).toEqual([later]);
      await store.deleteNode(id);
      expect(await store.nodeProcesses()).toEqual([]);
    });
  });
}
