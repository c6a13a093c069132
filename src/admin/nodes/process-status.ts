// How the processes of an installation are, by what was heard of them.
import { type Lineage, lineageOf } from "../../policy/lineage.ts";
import type { RevisionTokens } from "../api/revision.ts";
import type { Enforced, NodeProcess } from "../store/node-records.ts";
import type { ChangeCursor } from "../store/records.ts";

/** A process of this control plane, which is not a node. */
export interface LocalProcess {
  readonly serverName: string;
  readonly version: string;
  enforced(): Enforced;
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
  return nowMs - Date.parse(process.heardAt) > AWAY_MS ? "offline" : statusOfHeard(process, head);
}

/**
 * A proxy may hear for so long after it was heard last, in milliseconds: what was on its way to it (a whole state: a minute), and
 * what a control plane heard and did not store any more.
 */
const LEASE_MARGIN_MS = 90_000;

/** Whether it allows nothing any more, wherever it is: it was not heard, and so did not hear, for longer than it goes on. */
export function isLeaseOver(
  { heardAt, leaseMs }: Pick<NodeProcess, "heardAt" | "leaseMs">,
  nowMs: number,
): boolean {
  return leaseMs !== null && nowMs - Date.parse(heardAt) > leaseMs + LEASE_MARGIN_MS;
}

/** Of one that is heard. */
export function statusOfHeard(enforced: Enforced, head: StoredHead | null): ProcessStatus {
  return head === null || enforces(enforced, head.revision, head.lineages) ? "online" : "lagging";
}

/** Whether it enforces this revision, or a later one of the same history. */
export function enforces(
  enforced: Enforced,
  revision: number,
  lineages: readonly Lineage[],
): boolean {
  return enforced.enforcedRevision >= revision && isOfHistory(enforced, lineages);
}

/** Writes that are stored and that it does not enforce: all of them, when what it enforces was lost with a database. */
export function lagOf(enforced: Enforced, { revision, lineages }: StoredHead): number {
  const known = isOfHistory(enforced, lineages) ? enforced.enforcedRevision : 0;
  return Math.max(0, revision - known);
}

/** How far a process is, as operators see it. Nothing enforced has no token. */
export function progressOf(
  enforced: Enforced,
  head: StoredHead,
  { seal }: Pick<RevisionTokens, "seal">,
): { enforcedRevision?: string; lag: number } {
  const { enforcedRevision: revision, enforcedLineage: lineage } = enforced;
  return {
    ...(revision === 0 ? {} : { enforcedRevision: seal({ revision, lineage }) }),
    lag: lagOf(enforced, head),
  };
}

function isOfHistory(
  { enforcedRevision, enforcedLineage }: Enforced,
  lineages: readonly Lineage[],
): boolean {
  return lineageOf(lineages, enforcedRevision) === enforcedLineage;
}
