// What was heard and is not on disk yet: of each entity the last state.
import type { DocumentContent } from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { ChangeBatch, ChangePart } from "./change-batch.ts";
import {
  type Commit,
  type Entry,
  type FileRecord,
  type FileState,
  recordOf,
} from "./snapshot-codec.ts";

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

export class PendingChanges {
  /** Everything that was heard, before the states; null: only changes were. */
  readonly whole: Whole | null;
  /** Not looked at yet, the oldest first: looking at a large batch takes long. */
  #unread: Heard[] = [];
  readonly #states = new Map<string, FileState>();
  readonly #documents = new Map<string, DocumentContent>();

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
    if (this.#unread.length === 1 && batch.states !== null) for (const _ of this.read());
  }

  /** Looks at what was not looked at yet, a part at each step. */
  *read(): Generator<void> {
    for (let heard = this.#unread[0]; heard !== undefined; heard = this.#unread[0]) {
      // Of all parts: a batch has its documents first, in messages of their own.
      const contents = new Map<string, DocumentContent>();
      for (const part of heard.batch.parts) {
        this.#addPart(part, heard.server, contents);
        yield;
      }
      this.#unread.shift();
    }
  }

  #addPart(
    { projects, containers, documents }: ChangePart,
    server: string | null,
    contents: Map<string, DocumentContent>,
  ): void {
    for (const content of documents) contents.set(content.digest, content);
    for (const state of [...projects, ...containers]) {
      if (!state.deleted && !isOf(state, server)) continue;
      this.#states.set(`${state.$typeName}${state.id}`, state);
      const content = contents.get(state.documentDigest ?? "");
      if (content !== undefined) this.#documents.set(content.digest, content);
    }
  }

  /** These, which were all looked at, and then the later ones. */
  followedBy(later: PendingChanges): PendingChanges {
    if (later.whole !== null) return later;
    const both = new PendingChanges(this.whole);
    for (const { states, documents } of [this.#maps, later.#maps]) {
      for (const [key, state] of states) both.#states.set(key, state);
      for (const [digest, content] of documents) both.#documents.set(digest, content);
    }
    both.#unread = later.#unread;
    // Else documents that were written again and again would pile up while nothing can be saved.
    const named = new Set([...both.#states.values()].map(({ documentDigest }) => documentDigest));
    for (const digest of [...both.#documents.keys()])
      if (!named.has(digest)) both.#documents.delete(digest);
    return both;
  }

  /** Documents that are not there yet, then states. Of what was looked at. */
  *records(isThere: (digest: string) => boolean): Generator<FileRecord> {
    for (const [digest, content] of this.#documents) {
      if (!isThere(digest)) yield recordOf(content);
    }
    for (const state of this.#states.values()) yield recordOf(state);
  }

  get #maps() {
    return { states: this.#states, documents: this.#documents };
  }
}

/** Records of everything, in the order of its parts. */
export function* recordsOf({ parts }: ChangeBatch, server: string | null): Generator<FileRecord> {
  for (const { projects, containers, documents } of parts) {
    for (const each of documents) yield recordOf(each);
    for (const each of projects) if (!each.deleted) yield recordOf(each);
    for (const each of containers) if (!each.deleted && isOf(each, server)) yield recordOf(each);
  }
}

/** A container of another server is nothing to this one. Null: there is no other. */
function isOf(entry: Entry, server: string | null): boolean {
  if (server === null || entry.$typeName !== "realmgate.v1.ContainerState") return true;
  return entry.serverName === server;
}
