// Nodes, and what was heard of their processes.
import { and, eq, getTableColumns, lt, sql } from "drizzle-orm";
import { newId } from "../id.ts";
import type { NewNode, NodeProcess, StoredNode } from "../node-records.ts";
import type { NodeStore } from "../store.ts";
import type { Database, Reads } from "./database.ts";
import { nodeProcesses, nodes } from "./node-tables.ts";
import { servers } from "./schema.ts";

const { tokenHash: _, ...shown } = getTableColumns(nodes);

export function nodeStore(db: Database, { reader }: Reads = db): NodeStore {
  return {
    async createNode({ name, role, servers: names, tokenHash }: NewNode) {
      return db.transaction(async (tx) => {
        const createdAt = db.timestamp();
        const [made] = await tx
          .insert(nodes)
          .values({ id: newId(), name, role, servers: JSON.stringify(names), tokenHash, createdAt })
          .onConflictDoNothing()
          .returning(shown);
        if (made === undefined) return "duplicate";
        for (const each of names) {
          await tx
            .insert(servers)
            .values({ id: newId(), name: each, createdAt })
            .onConflictDoNothing();
        }
        return nodeOf(made);
      });
    },

    async nodes() {
      return (await reader.select(shown).from(nodes).orderBy(nodes.name)).map(nodeOf);
    },

    async nodeByToken(tokenHash: Buffer) {
      const [row] = await reader.select(shown).from(nodes).where(eq(nodes.tokenHash, tokenHash));
      return row === undefined ? null : nodeOf(row);
    },

    async deleteNode(id: string) {
      return db.transaction(async (tx) => {
        const [row] = await tx.delete(nodes).where(eq(nodes.id, id)).returning(shown);
        return row === undefined ? null : nodeOf(row);
      });
    },

    async noteProcesses(processes: readonly NodeProcess[]) {
      if (processes.length === 0) return;
      // One statement writes no row twice: the last one of a process counts.
      const last = new Map(processes.map((each) => [`${each.nodeId} ${each.process}`, each]));
      const rows = JSON.stringify([...last.values()].map(rowOf));
      // Nothing waits for the disk: each process is heard again within a second.
      await reader.execute(sql`
        with quick as (select set_config('synchronous_commit', 'off', true)),
        heard as (select * from json_populate_recordset(null::${nodeProcesses}, ${rows}::json))
        insert into ${nodeProcesses} select heard.* from heard, quick
        where exists (select from ${nodes} where ${nodes.id} = heard.node_id)
        on conflict (node_id, process) do update set
          boot = excluded.boot, version = excluded.version, servers = excluded.servers,
          enforced_revision = excluded.enforced_revision, enforced_lineage = excluded.enforced_lineage,
          heard_at = excluded.heard_at, listeners = excluded.listeners,
          program_ports = excluded.program_ports, lease_ms = excluded.lease_ms,
          addresses = excluded.addresses, container_networks = excluded.container_networks`);
    },

    async nodeProcesses() {
      return (await reader.select().from(nodeProcesses)).map(processOf);
    },

    async forgetProcess({ nodeId, process, boot }) {
      const ofNode = and(eq(nodeProcesses.nodeId, nodeId), eq(nodeProcesses.process, process));
      const where = and(ofNode, eq(nodeProcesses.boot, boot));
      await reader.delete(nodeProcesses).where(where);
    },

    async purgeProcesses(before) {
      await reader.delete(nodeProcesses).where(lt(nodeProcesses.heardAt, before));
    },
  };
}

function nodeOf({
  servers: names,
  ...row
}: Omit<typeof nodes.$inferSelect, "tokenHash">): StoredNode {
  return { ...row, servers: JSON.parse(names) };
}

/** By the names of the columns. */
function rowOf(process: NodeProcess): Readonly<Record<string, unknown>> {
  return {
    node_id: process.nodeId,
    process: process.process,
    boot: process.boot,
    version: process.version,
    servers: JSON.stringify(process.servers),
    enforced_revision: process.enforcedRevision,
    enforced_lineage: process.enforcedLineage,
    heard_at: process.heardAt,
    listeners: JSON.stringify(process.listeners),
    program_ports: JSON.stringify(process.programPorts),
    lease_ms: process.leaseMs,
    addresses: JSON.stringify(process.addresses),
    container_networks: JSON.stringify(process.containerNetworks),
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
