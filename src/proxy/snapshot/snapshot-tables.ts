// The tables of a snapshot and what lies in them. All are immutable.
import { randomInt } from "node:crypto";
import type { Alias } from "../routing/alias.ts";
import type { ProgramPorts } from "../routing/program-ports.ts";
import type { UpstreamAddress } from "../routing/upstream-address.ts";
import type { ContainerHooks } from "./hook-match.ts";
import { type Interned, InternTable } from "./intern-table.ts";
import type { LazyPolicy } from "./lazy-policy.ts";
import { PersistentMap, seededShard } from "./persistent-map.ts";

export interface Project {
  /** The text that its containers share. */
  readonly id: string;
  /** Whose it is, the project itself where that is not known: for shares of what tenants share. */
  readonly account: string;
  readonly disabled: boolean;
  /** Null: it has no document. */
  readonly policy: Interned<LazyPolicy> | null;
}

export interface Container {
  readonly project: string;
  /** The short hosts that lead to it. */
  readonly aliases: readonly Alias[];
  /** Null unless it is running and has an address. */
  readonly address: UpstreamAddress | null;
  readonly disabled: boolean;
  /** Null: it has no document of its own. */
  readonly policy: Interned<LazyPolicy> | null;
  readonly ports: Interned<ProgramPorts>;
  readonly hooks: ContainerHooks | null;
}

export interface SnapshotTables {
  readonly projects: PersistentMap<Project>;
  readonly containers: PersistentMap<Container>;
  /** By name. */
  readonly aliases: PersistentMap<Alias>;
  /** Equal documents exist once. */
  readonly policies: InternTable<LazyPolicy>;
  /** Equal port tables exist once. */
  readonly ports: InternTable<ProgramPorts>;
}

/** Keys that tenants control are spread by a seed of this process. */
export function emptyTables(): SnapshotTables {
  const shardOf = seededShard(randomInt(2 ** 32));
  return {
    projects: PersistentMap.empty(),
    containers: PersistentMap.empty(),
    aliases: PersistentMap.empty(shardOf),
    policies: InternTable.empty(shardOf),
    ports: InternTable.empty(shardOf),
  };
}
