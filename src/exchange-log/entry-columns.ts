// Entries as they are stored: by column, and what most of them have in common once, so that an entry costs a few dozen bytes and little time.
import type { EntryBatch, EntryPlace } from "./entry-batch.ts";
import type { LogEntry, LoggedExchange } from "./log-entry.ts";

/** What entries have in common: seldom more than a few in a batch. */
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

/** The JSON text of a batch: an item of each column for each entry. */
type BatchText = readonly [
  /** Which of its places; null: it has one. */
  ofPlace: readonly number[] | null,
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
  /** First id and number of each row of ids; null: each place has one row of them from the batch's first id on. */
  runs: readonly (readonly [number, number])[] | null,
];

/** How many of the newest common values an exchange is compared with. */
const COMPARED_MAX = 4;

/** Exchanges on their way to a batch. */
export class EntryColumns {
  readonly #ids: string[] = [];
  readonly #places: EntryPlace[] = [];
  readonly #indexOf = new Map<EntryPlace, number>();
  readonly #ofPlace: number[] = [];
  readonly #common: LoggedExchange[] = [];
  #lastCommon = -1;
  readonly #ofCommon: number[] = [];
  readonly #startedMs: number[] = [];
  #originMs = 0;
  #startedAtMs = Number.POSITIVE_INFINITY;
  #endedAtMs = 0;
  readonly #durationsUs: number[] = [];
  readonly #paths: (string | null)[] = [];
  readonly #bytes: (number | null)[] = [];
  #traceIds: (string | null)[] | null = null;
  #runs: [number, number][] | null = null;

  get rows(): number {
    return this.#ids.length;
  }

  /** Of a place there is one object. Nothing of the exchange is kept. */
  add(place: EntryPlace, exchange: LoggedExchange): void {
    const { startedAtMs, durationMs, traceId } = exchange;
    if (this.rows === 0) this.#originMs = startedAtMs;
    if (startedAtMs < this.#startedAtMs) this.#startedAtMs = startedAtMs;
    const endedAtMs = Math.ceil(startedAtMs + durationMs);
    if (endedAtMs > this.#endedAtMs) this.#endedAtMs = endedAtMs;
    if (traceId !== null) this.#traceIds ??= new Array<null>(this.rows).fill(null);
    this.#traceIds?.push(traceId);
    this.#ids.push(exchange.requestId);
    this.#ofPlace.push(this.#indexOfPlace(place));
    this.#ofCommon.push(this.#indexOfCommon(exchange));
    this.#startedMs.push(startedAtMs - this.#originMs);
    this.#durationsUs.push(Math.round(durationMs * 1_000));
    // The same again takes no memory of its own.
    const lastPath = this.#paths.at(-1);
    this.#paths.push(lastPath === exchange.path ? lastPath : exchange.path);
    this.#bytes.push(exchange.bytes);
  }

  /** Keeps its id. Of one place, in the order of ids. */
  addStored(place: EntryPlace, entry: LogEntry): void {
    this.#runs ??= [];
    const run = this.#runs.at(-1);
    if (run !== undefined && entry.id === run[0] + run[1]) run[1]++;
    else this.#runs.push([entry.id, 1]);
    this.add(place, entry);
  }

  batch(): EntryBatch {
    return {
      places: this.#places,
      rows: this.rows,
      startedAtMs: this.#startedAtMs,
      endedAtMs: this.#endedAtMs,
      ids: this.#ids.join(""),
      text: this.#text(),
    };
  }

  #text(): string {
    const text: BatchText = [
      this.#places.length > 1 ? this.#ofPlace : null,
      this.#common.map(commonValues),
      this.#ofCommon,
      this.#startedMs,
      this.#originMs,
      this.#durationsUs,
      this.#paths,
      this.#bytes,
      this.#traceIds,
      this.#runs,
    ];
    return JSON.stringify(text);
  }

  #indexOfPlace(place: EntryPlace): number {
    let index = this.#indexOf.get(place);
    if (index === undefined) {
      index = this.#places.length;
      this.#places.push(place);
      this.#indexOf.set(place, index);
    }
    return index;
  }

  /** Most are like the one before. */
  #indexOfCommon(exchange: LoggedExchange): number {
    const common = this.#common;
    const last = common[this.#lastCommon];
    if (last !== undefined && isCommon(last, exchange)) return this.#lastCommon;
    const oldest = Math.max(0, common.length - COMPARED_MAX);
    for (let index = common.length - 1; index >= oldest; index--) {
      const found = common[index];
      if (found !== undefined && isCommon(found, exchange)) {
        this.#lastCommon = index;
        return index;
      }
    }
    common.push({ ...exchange });
    this.#lastCommon = common.length - 1;
    return this.#lastCommon;
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

/** A batch that is read. */
export interface ReadBatch {
  readonly places: readonly EntryPlace[];
  /** Id of the first entry of each container. */
  readonly firstId: number;
  /** Request ids, one after the other. */
  readonly ids: Uint8Array;
  readonly text: string;
}

export interface PlacedEntry {
  readonly entry: LogEntry;
  readonly place: EntryPlace;
}

/** The entries of those places that are wanted, in the order of ids. Throws when the text is damaged. */
export function readEntries(
  { places, firstId, ids, text }: ReadBatch,
  isWanted: (place: EntryPlace) => boolean,
): PlacedEntry[] {
  const found: PlacedEntry[] = [];
  const parsed: BatchText = JSON.parse(text);
  const [placed, common, ofCommon, startedMs, originMs, durationsUs, paths, bytes, traceIds, runs] =
    parsed;
  const ofPlace = placed ?? paths.map(() => 0);
  const hex = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength).toString("hex");
  const digits = ID_BYTES * 2;
  const wanted = places.map(isWanted);
  const numbers = runs === null ? null : numbersOf(runs);
  const nextIds = numbers === null ? firstIds(places, ofPlace, firstId) : [];
  for (let row = 0; row < paths.length; row++) {
    const index = at(ofPlace, row);
    const place = at(places, index);
    const id = numbers === null ? at(nextIds, index) : at(numbers, row);
    nextIds[index] = id + 1;
    if (!at(wanted, index)) continue;
    const [method, program, instance, status, reason, groups, subject, client, end, alias, hook] =
      at(common, at(ofCommon, row));
    const entry = {
      id,
      requestId: hex.slice(row * digits, (row + 1) * digits),
      project: place.project,
      container: place.container,
      startedAtMs: originMs + at(startedMs, row),
      durationMs: at(durationsUs, row) / 1_000,
      path: at(paths, row),
      bytes: at(bytes, row),
      traceId: traceIds === null ? null : at(traceIds, row),
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
    found.push({ entry, place });
  }
  return found.sort((one, other) => one.entry.id - other.entry.id);
}

/** Of each place: one container's places follow each other, and no id depends on other containers. */
function firstIds(
  places: readonly EntryPlace[],
  ofPlace: readonly number[],
  firstId: number,
): number[] {
  const rowsOf = places.map(() => 0);
  for (const place of ofPlace) rowsOf[place] = at(rowsOf, place) + 1;
  const nextOf = new Map<string, number>();
  return places.map(({ container }, place) => {
    const next = nextOf.get(container) ?? firstId;
    nextOf.set(container, next + at(rowsOf, place));
    return next;
  });
}

function numbersOf(runs: readonly (readonly [number, number])[]): number[] {
  return runs.flatMap(([first, count]) => Array.from({ length: count }, (_, n) => first + n));
}

function at<Item>(column: readonly Item[], row: number): Item {
  const item = column[row];
  if (item === undefined) throw new Error("a column of the exchange log is short");
  return item;
}
