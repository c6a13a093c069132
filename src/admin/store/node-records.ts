// What the store keeps of the nodes of an installation that runs in several processes.

/** A proxy follows the feed of its servers; a gateway speaks for clients of the API. */
export type NodeRole = "proxy" | "gateway";

export interface NewNode {
  readonly name: string;
  readonly role: NodeRole;
  /** Names of servers that its proxies may ask for. */
  readonly servers: readonly string[];
  /** SHA-256 of its token. */
  readonly tokenHash: Buffer;
}

export interface StoredNode extends Omit<NewNode, "tokenHash"> {
  readonly id: string;
  readonly createdAt: string;
}

/** A process of a node, as it was heard last. */
export interface NodeProcess {
  readonly nodeId: string;
  /** Names it among those of its node. */
  readonly process: string;
  /** Random for each start. */
  readonly boot: string;
  readonly version: string;
  readonly servers: readonly string[];
  /** What it enforces; 0: nothing. */
  readonly enforcedRevision: number;
  readonly enforcedLineage: string;
  /** By the clock of the database. */
  readonly heardAt: string;
  /** `ADDRESS:PORT`. */
  readonly listeners: readonly string[];
  /** Default ports, by program. */
  readonly programPorts: Readonly<Record<string, number>>;
  /** How long after it was heard last it allows anything at all, in milliseconds; null: for ever. */
  readonly leaseMs: number | null;
  /** Of its machine: whatever a listener is bound to, its port at any of them is the process's own. */
  readonly addresses: readonly string[];
  /** Networks that its containers may be in; empty: it does not say. */
  readonly containerNetworks: readonly string[];
}

/** What a process enforces. */
export type Enforced = Pick<NodeProcess, "enforcedRevision" | "enforcedLineage">;
