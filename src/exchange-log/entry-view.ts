// Entries as callers see them: the shape of the documented logs program, with what our log has beside it.
import { type LogEntry, levelOf } from "./log-entry.ts";

export type EntryKind = "request" | "response";

/** In JSON. */
export interface EntryView {
  readonly id: number;
  readonly traceId: string;
  readonly tsMs: number;
  readonly tsIso: string;
  readonly kind: EntryKind;
  readonly level: string;
  readonly projectId: string;
  readonly containerId: string;
  readonly serviceName: string;
  readonly method: string;
  readonly url: string;
  readonly clientIp: string;
  readonly status: number | null;
  readonly data: {
    readonly program: string;
    readonly instance: number;
    readonly alias: string | null;
    readonly hook: string | null;
    readonly bytes: number | null;
    readonly duration_ms: number;
    readonly ended: string;
  };
  readonly source: "backend" | "edge";
  readonly request_id: string;
  readonly reason: string;
  readonly groups: readonly string[];
  readonly subject: string | null;
}

export function viewOf(entry: LogEntry): EntryView {
  const { program, instance, alias, hook, bytes, status } = entry;
  return {
    id: entry.id,
    traceId: entry.traceId ?? entry.requestId,
    tsMs: entry.startedAtMs,
    tsIso: new Date(entry.startedAtMs).toISOString(),
    kind: status === null ? "request" : "response",
    level: levelOf(status),
    projectId: entry.project,
    containerId: entry.container,
    serviceName: serviceOf(entry),
    method: entry.method,
    url: entry.path ?? "",
    clientIp: entry.client,
    status,
    data: {
      program,
      instance,
      alias,
      hook,
      bytes,
      duration_ms: entry.durationMs,
      ended: entry.end,
    },
    source: bytes === null ? "edge" : "backend",
    request_id: entry.requestId,
    reason: entry.reason,
    groups: entry.groups ?? [],
    subject: entry.subject,
  };
}

function serviceOf({ program, instance }: LogEntry): string {
  return `${program}-${instance}`;
}

/** Services that are counted by name: clients make up any number of ports. */
const SERVICES_MAX = 100;

type Counts = Record<string, number>;

export interface EntryStats {
  readonly total: number;
  readonly byLevel: Counts;
  readonly byProject: Counts;
  readonly byContainer: Counts;
  readonly byService: Counts;
  readonly by_reason: Counts;
}

export function statsOf(entries: readonly LogEntry[]): EntryStats {
  const stats = {
    total: entries.length,
    byLevel: {} as Counts,
    byProject: {} as Counts,
    byContainer: {} as Counts,
    byService: {} as Counts,
    by_reason: {} as Counts,
  };
  let services = 0;
  for (const entry of entries) {
    count(stats.byLevel, levelOf(entry.status));
    count(stats.byProject, entry.project);
    count(stats.byContainer, entry.container);
    count(stats.by_reason, entry.reason);
    const service = serviceOf(entry);
    const isKnown = service in stats.byService;
    if (!isKnown) services++;
    count(stats.byService, isKnown || services <= SERVICES_MAX ? service : "other");
  }
  return stats;
}

function count(counts: Counts, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
