// Entries as they are stored: by column, and what most of them have in common once, so that an entry costs a few dozen bytes and little time.
import type { LogEntry, LoggedExchange } from "./log-entry.ts";

/** What entries have in common: seldom more than a few in a block. */
type CommonValues = readonly [
  method: string,
  program: string,
  instance: number,
  status: number | null,
  reason: string,
  groups: readonly string[] | null,
  subject: string | null,
  client: string,
  end: LoggedExchange["end"],
  alias: string | null,
  hook: string | null,
];

/** The JSON text of a block: an item of each column for each entry. */
type BlockText = readonly [
  common: readonly CommonValues[],
  /** Which of them. */
  ofCommon: readonly number[],
  /** Milliseconds after `startedAtMs`. */
  startedMs: readonly number[],
  startedAtMs: number,
  durationsUs: readonly number[],
  paths: readonly (string | null)[],
  bytes: readonly (number | null)[],
  /** Null: no entry has one. */
  traceIds: readonly (string | null)[] | null,
];

/** How many of the newest common values an exchange is compared with. */
const COMPARED_MAX = 4;

/** Exchanges on their way to a block. */
export class EntryColumns {
  readonly #common: LoggedExchange[] = [];
  #last = -1;
  readonly #ofCommon: number[] = [];
  readonly #startedMs: number[] = [];
  #startedAtMs = 0;
  readonly #durationsUs: number[] = [];
  readonly #paths: (string | null)[] = [];
  readonly #bytes: (number | null)[] = [];
  #traceIds: (string | null)[] | null = null;

  get rows(): number {
    return this.#paths.length;
  }

  add(exchange: LoggedExchange): void {
    if (this.rows === 0) this.#startedAtMs = exchange.startedAtMs;
    if (exchange.traceId !== null) {
      this.#traceIds ??= new Array<null>(this.rows).fill(null);
    }
    this.#traceIds?.push(exchange.traceId);
    this.#ofCommon.push(this.#commonOf(exchange));
    this.#startedMs.push(exchange.startedAtMs - this.#startedAtMs);
    this.#durationsUs.push(Math.round(exchange.durationMs * 1_000));
    this.#paths.push(exchange.path);
    this.#bytes.push(exchange.bytes);
  }

  /** JSON of all that were added. */
  text(): string {
    const text: BlockText = [
      this.#common.map(commonValues),
      this.#ofCommon,
      this.#startedMs,
      this.#startedAtMs,
      this.#durationsUs,
      this.#paths,
      this.#bytes,
      this.#traceIds,
    ];
    return JSON.stringify(text);
  }

  /** Most are like the one before. */
  #commonOf(exchange: LoggedExchange): number {
    const common = this.#common;
    const last = common[this.#last];
    if (last !== undefined && isCommon(last, exchange)) return this.#last;
    const oldest = Math.max(0, common.length - COMPARED_MAX);
    for (let index = common.length - 1; index >= oldest; index--) {
      const found = common[index];
      if (found !== undefined && isCommon(found, exchange)) {
        this.#last = index;
        return index;
      }
    }
    common.push(exchange);
    this.#last = common.length - 1;
    return this.#last;
  }
}

function isCommon(one: LoggedExchange, other: LoggedExchange): boolean {
  return (
    one.client === other.client &&
    one.status === other.status &&
    one.reason === other.reason &&
    one.method === other.method &&
    one.program === other.program &&
    one.instance === other.instance &&
    one.end === other.end &&
    one.subject === other.subject &&
    one.alias === other.alias &&
    one.hook === other.hook &&
    areEqual(one.groups, other.groups)
  );
}

function areEqual(one: readonly string[] | null, other: readonly string[] | null): boolean {
  if (one === other) return true;
  if (one === null || other === null || one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) {
    if (one[index] !== other[index]) return false;
  }
  return true;
}

function commonValues(exchange: LoggedExchange): CommonValues {
  const { method, program, instance, status, reason, groups } = exchange;
  const { subject, client, end, alias, hook } = exchange;
  return [method, program, instance, status, reason, groups, subject, client, end, alias, hook];
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

/** `text`: JSON of the columns; `ids`: their request ids, one after the other. Throws when the text is damaged. */
export function readEntries(text: string, ids: Uint8Array, place: BlockPlace): LogEntry[] {
  const parsed: BlockText = JSON.parse(text);
  const [common, ofCommon, startedMs, startedAtMs, durationsUs, paths, bytes, traceIds] = parsed;
  const named = common.map(namedValues);
  const hex = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength).toString("hex");
  const { project, container, firstId } = place;
  const digits = ID_BYTES * 2;
  return paths.map((path, row) => ({
    id: firstId + row,
    requestId: hex.slice(row * digits, (row + 1) * digits),
    project,
    container,
    startedAtMs: startedAtMs + at(startedMs, row),
    durationMs: at(durationsUs, row) / 1_000,
    path,
    bytes: at(bytes, row),
    traceId: traceIds === null ? null : at(traceIds, row),
    ...at(named, at(ofCommon, row)),
  }));
}

function at<Item>(column: readonly Item[], row: number): Item {
  const item = column[row];
  if (item === undefined) throw new Error("a column of the exchange log is short");
  return item;
}

function namedValues([
  method,
  program,
  instance,
  status,
  reason,
  groups,
  subject,
  client,
  end,
  alias,
  hook,
]: CommonValues) {
  return {
    method,
    program,
    instance,
    status,
    reason,
    groups,
    subject,
    client,
    end,
    alias,
    hook,
  };
}
