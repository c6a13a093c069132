// Nodes, and what was heard of their processes.
import { and, eq, getTableColumns, lt } from "drizzle-orm";
import { newId } from "../id.ts";
import type { NewNode, NodeProcess, StoredNode } from "../node-records.ts";
import type { NodeStore } from "../store.ts";
import type { Database } from "./database.ts";
import { nodeProcesses, nodes } from "./node-tables.ts";
import { servers } from "./schema.ts";

const { tokenHash: _, ...shown } = getTableColumns(nodes);

export function nodeStore(db: Database): NodeStore {
  const { reader } = db;
  return {
    async createNode({ name, role, servers: names, tokenHash }: NewNode) {
      return db.transaction((tx) => {
        const createdAt = db.timestamp();
        const made = tx
          .insert(nodes)
          .values({ id: newId(), name, role, servers: JSON.stringify(names), tokenHash, createdAt })
          .onConflictDoNothing()
          .returning(shown)
          .get();
        if (made === undefined) return "duplicate" as const;
        for (const each of names) {
          const server = { id: newId(), name: each, createdAt };
          tx.insert(servers).values(server).onConflictDoNothing().run();
        }
        return nodeOf(made);
      });
    },

    async nodes() {
      return reader.select(shown).from(nodes).orderBy(nodes.name).all().map(nodeOf);
    },

    async nodeByToken(tokenHash: Buffer) {
      const row = reader.select(shown).from(nodes).where(eq(nodes.tokenHash, tokenHash)).get();
      return row === undefined ? null : nodeOf(row);
    },

    async deleteNode(id: string) {
      return db.transaction((tx) => {
        const row = tx.delete(nodes).where(eq(nodes.id, id)).returning(shown).get();
        return row === undefined ? null : nodeOf(row);
      });
    },

    async noteProcesses(processes: readonly NodeProcess[]) {
      await db.transaction((tx) => {
        for (const process of processes) {
          const { nodeId } = process;
          const node = tx.select({ id: nodes.id }).from(nodes).where(eq(nodes.id, nodeId)).get();
          if (node === undefined) continue;
          const row = rowOf(process);
          const target = [nodeProcesses.nodeId, nodeProcesses.process];
          tx.insert(nodeProcesses).values(row).onConflictDoUpdate({ target, set: row }).run();
        }
      });
    },

    async nodeProcesses() {
      return reader.select().from(nodeProcesses).all().map(processOf);
    },

    async forgetProcess({ nodeId, process, boot }) {
      const ofNode = and(eq(nodeProcesses.nodeId, nodeId), eq(nodeProcesses.process, process));
      const where = and(ofNode, eq(nodeProcesses.boot, boot));
      await db.transaction((tx) => tx.delete(nodeProcesses).where(where).run());
    },

    async purgeProcesses(before) {
      const old = lt(nodeProcesses.heardAt, before);
      await db.transaction((tx) => tx.delete(nodeProcesses).where(old).run());
    },
  };
}

function nodeOf({
  servers: names,
  ...row
}: Omit<typeof nodes.$inferSelect, "tokenHash">): StoredNode {
  return { ...row, servers: JSON.parse(names) };
}

function rowOf(process: NodeProcess): typeof nodeProcesses.$inferSelect {
  return {
    ...process,
    servers: JSON.stringify(process.servers),
    listeners: JSON.stringify(process.listeners),
    programPorts: JSON.stringify(process.programPorts),
    addresses: JSON.stringify(process.addresses),
    containerNetworks: JSON.stringify(process.containerNetworks),
  };
}

function processOf(row: typeof nodeProcesses.$inferSelect): NodeProcess {
  const { servers: names, listeners, programPorts, addresses, containerNetworks, ...rest } = row;
  return {
    ...rest,
    servers: JSON.parse(names),
    listeners: JSON.parse(listeners),
    programPorts: JSON.parse(programPorts),
    addresses: JSON.parse(addresses ?? "[]"),
    containerNetworks: JSON.parse(containerNetworks ?? "[]"),
  };
}
