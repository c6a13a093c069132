// Entries as they are stored: arrays in one order, so that a block is one JSON text without names.
import type { EntryEnd, LogEntry, LoggedExchange } from "./log-entry.ts";

/** An entry without its request id, project and container, which its block holds. */
export type EntryValues = readonly [
  startedAtMs: number,
  durationUs: number,
  method: string,
  path: string | null,
  program: string,
  instance: number,
  status: number | null,
  reason: string,
  groups: readonly string[] | null,
  subject: string | null,
  client: string,
  bytes: number | null,
  end: EntryEnd,
  traceId: string | null,
  alias: string | null,
  hook: string | null,
];

export function valuesOf(exchange: LoggedExchange): EntryValues {
  return [
    exchange.startedAtMs,
    Math.round(exchange.durationMs * 1_000),
    exchange.method,
    exchange.path,
    exchange.program,
    exchange.instance,
    exchange.status,
    exchange.reason,
    exchange.groups,
    exchange.subject,
    exchange.client,
    exchange.bytes,
    exchange.end,
    exchange.traceId,
    exchange.alias,
    exchange.hook,
  ];
}

/** Bytes of a request id. */
export const ID_BYTES = 12;

/** What the entries of one block have in common. */
export interface BlockPlace {
  readonly project: string;
  readonly container: string;
  /** Id of its first entry. */
  readonly firstId: number;
}

/** `text`: JSON of the entries' values; `ids`: their request ids, one after the other. Throws when the text is damaged. */
export function readEntries(text: string, ids: Uint8Array, place: BlockPlace): LogEntry[] {
  const entries: EntryValues[] = JSON.parse(text);
  const hex = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength).toString("hex");
  const { project, container, firstId } = place;
  const digits = ID_BYTES * 2;
  return entries.map((values, index) => ({
    id: firstId + index,
    requestId: hex.slice(index * digits, (index + 1) * digits),
    project,
    container,
    ...named(values),
  }));
}

function named([
  startedAtMs,
  durationUs,
  method,
  path,
  program,
  instance,
  status,
  reason,
  groups,
  subject,
  client,
  bytes,
  end,
  traceId,
  alias,
  hook,
]: EntryValues): Omit<LoggedExchange, "requestId"> {
  return {
    startedAtMs,
    durationMs: durationUs / 1_000,
    method,
    path,
    program,
    instance,
    status,
    reason,
    groups,
    subject,
    client,
    bytes,
    end,
    traceId,
    alias,
    hook,
  };
}
