// How the processes of an installation are, by what was heard of them.
import { type Lineage, lineageOf } from "../../policy/lineage.ts";
import type { NodeProcess } from "../store/node-records.ts";
import type { ChangeCursor } from "../store/records.ts";

/** A process of this control plane, which is not a node. */
export interface LocalProcess {
  readonly serverName: string;
  readonly version: string;
}

export type ProcessStatus = "online" | "lagging" | "offline";

/** What is stored: the last revision, and whose revisions are whose. */
export interface StoredHead extends ChangeCursor {
  readonly lineages: readonly Lineage[];
}

/** A process that was not heard for so long is away, in milliseconds. */
const AWAY_MS = 6_000;

/** `head`: null: whoever is heard is online, whatever it enforces. */
export function statusOf(
  process: NodeProcess,
  head: StoredHead | null,
  nowMs: number,
): ProcessStatus {
  if (nowMs - Date.parse(process.heardAt) > AWAY_MS) return "offline";
  return head === null || enforces(process, head.revision, head.lineages) ? "online" : "lagging";
}

/** Whether it enforces this revision, or a later one of the same history. */
export function enforces(
  { enforcedRevision, enforcedLineage }: NodeProcess,
  revision: number,
  lineages: readonly Lineage[],
): boolean {
  return enforcedRevision >= revision && lineageOf(lineages, enforcedRevision) === enforcedLineage;
}
