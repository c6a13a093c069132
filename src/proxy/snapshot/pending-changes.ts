// What was heard and is not on disk yet: of each entity the last state.
import { finish, type Steps } from "../../policy/steps.ts";
import type { ChangeBatch, ChangePart } from "./change-batch.ts";
import {
  briefOf,
  CONTAINER,
  DOCUMENT,
  type FileRecord,
  idOf,
  keyOf,
  recordOf,
  type StateBrief,
} from "./file-record.ts";
import { ShardedMap } from "./sharded-map.ts";
import type { Commit } from "./snapshot-codec.ts";

/** A batch of everything there is, and its commit. */
export interface Whole {
  readonly batch: ChangeBatch;
  readonly commit: Commit;
}

interface Heard {
  readonly batch: ChangeBatch;
  /** As in `isOf`. */
  readonly server: string | null;
}

/** A batch with more states is looked at in steps. */
const FEW_STATES = 64;

/** For each state, while nothing can be saved: above it those that no state names any more are let go. */
const DOCUMENTS_MAX = 2;

/** A state as the file has it. As a message it would take ten times the memory. */
interface KeptState {
  readonly record: FileRecord;
  readonly digest: string;
}

export class PendingChanges {
  /** Everything that was heard, before the states; null: only changes were. */
  readonly whole: Whole | null;
  /** Not looked at yet, the oldest first: looking at a large batch takes long. */
  #unread: Heard[] = [];
  readonly #states = new ShardedMap<KeptState>();
  /** By digest. */
  readonly #documents = new ShardedMap<FileRecord>();

  constructor(whole: Whole | null = null) {
    this.whole = whole;
  }

  get isEmpty(): boolean {
    return this.whole === null && this.#states.size === 0 && this.#unread.length === 0;
  }

  /** Keeps the documents that these states name. `server`: as in `isOf`. */
  add(batch: ChangeBatch, server: string | null): void {
    this.#unread.push({ batch, server });
    // Otherwise many of them would pile up while nothing can be saved.
    if (this.#unread.length === 1 && (batch.states ?? Infinity) <= FEW_STATES) finish(this.read());
  }

  /** Looks at what was not looked at yet, an entity at each step. */
  *read(): Steps<void> {
    for (let heard = this.#unread[0]; heard !== undefined; heard = this.#unread[0]) {
      // Of all parts: a batch has its documents first, in messages of their own.
      const contents = new ShardedMap<FileRecord>();
      for (const part of heard.batch.parts) yield* this.#addPart(part, heard.server, contents);
      this.#unread.shift();
    }
  }

  *#addPart(
    part: ChangePart,
    server: string | null,
    contents: ShardedMap<FileRecord>,
  ): Steps<void> {
    yield 1;
    for (const record of recordsOfPart(part)) {
      if (record.kind === DOCUMENT) contents.set(idOf(record), copyOf(record));
      else this.#addState(record, server, contents);
      yield 1;
    }
  }

  #addState(record: FileRecord, server: string | null, contents: ShardedMap<FileRecord>): void {
    const brief = briefOf(record);
    if (!brief.isDeleted && !isOf(record, brief, server)) return;
    const { digest } = brief;
    this.#states.set(keyOf(record), { record: copyOf(record), digest });
    const content = contents.get(digest);
    if (content !== undefined) this.#documents.set(digest, content);
  }

  /** These, which were all looked at, and then the later ones. What the later ones bring is what it costs. */
  followedBy(later: PendingChanges): PendingChanges {
    if (later.whole !== null) return later;
    for (const [key, state] of later.#states) this.#states.set(key, state);
    for (const [digest, content] of later.#documents) this.#documents.set(digest, content);
    this.#unread = later.#unread;
    if (this.#documents.size > DOCUMENTS_MAX * this.#states.size) this.#forgetUnnamed();
    return this;
  }

  /** Else documents that were written again and again would pile up while nothing can be saved. */
  #forgetUnnamed(): void {
    const named = new ShardedMap<true>();
    for (const [, { digest }] of this.#states) named.set(digest, true);
    for (const [digest] of this.#documents) {
      if (!named.has(digest)) this.#documents.delete(digest);
    }
  }

  /** Documents that are not there yet, then states. Of what was looked at. */
  *records(isThere: (digest: string) => boolean): Generator<FileRecord> {
    for (const [digest, content] of this.#documents) if (!isThere(digest)) yield content;
    for (const [, { record }] of this.#states) yield record;
  }
}

/** Records of everything, in the order of its parts. */
export function* recordsOf({ parts }: ChangeBatch, server: string | null): Generator<FileRecord> {
  for (const part of parts) {
    for (const record of recordsOfPart(part)) {
      if (record.kind === DOCUMENT || isKept(record, server)) yield record;
    }
  }
}

function isKept(record: FileRecord, server: string | null): boolean {
  const brief = briefOf(record);
  return !brief.isDeleted && isOf(record, brief, server);
}

/** A container of another server is nothing to this one. Null: there is no other. */
function isOf({ kind }: FileRecord, { serverName }: StateBrief, server: string | null): boolean {
  return server === null || kind !== CONTAINER || serverName === server;
}

/** Documents first. */
function recordsOfPart(part: ChangePart): Iterable<FileRecord> {
  return part.records ?? encoded(part);
}

function* encoded({ projects, containers, documents }: ChangePart): Generator<FileRecord> {
  for (const entries of [documents, projects, containers]) {
    for (const each of entries) yield recordOf(each);
  }
}

/** What is kept for long does not keep the message in which it came. */
function copyOf({ kind, message }: FileRecord): FileRecord {
  return { kind, message: new Uint8Array(message) };
}
