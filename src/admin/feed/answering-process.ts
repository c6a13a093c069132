// A process of a node that answers: questions that wait for it, and the bytes of answers that are on their way.
import { create, toBinary } from "@bufbuild/protobuf";
import type { ServerDuplexStream, status } from "@grpc/grpc-js";
import {
  type AnswerHello,
  type AnswerRequest,
  AnswerResponseSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { AccountPlaces } from "../../guard/account-places.ts";
import type { FeedPeer } from "./feed-peer.ts";

export type AnswerCall = ServerDuplexStream<AnswerRequest, Uint8Array>;

/** How long a node may take to answer, in milliseconds. */
const QUESTION_MS = 5_000;
/** Reads that one process works on, in all and of one account, and questions that end something: reads leave room for those. */
const READS_MAX = 32;
const READS_PER_ACCOUNT_MAX = 8;
const ENDS_MAX = 64;
/** What a part costs beside its bytes. */
const PART_BYTES = 64;
/** How long nothing may come, in milliseconds. */
const SILENT_MS = 8_000;

interface Waiting {
  readonly parts: Uint8Array[];
  bytes: number;
  readonly bytesMax: number;
  readonly answered: (text: string | null) => void;
}

/** An answer that came whole. Its bytes count until they are released. */
export interface WholeAnswer {
  readonly text: string;
  readonly bytes: number;
}

/** Bytes of answers, over all processes. */
export class AnswerBytes {
  readonly #max: number;
  readonly #partial = new Set<Waiting>();
  #bytes = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Keeps a part. When there are too many bytes, the longest of the answers that are not whole is given up. */
  add(waiting: Waiting, part: Uint8Array): void {
    const bytes = part.byteLength + PART_BYTES;
    this.#partial.add(waiting);
    waiting.parts.push(part);
    waiting.bytes += bytes;
    this.#bytes += bytes;
    while (this.#bytes > this.#max && this.#partial.size > 0) {
      const longest = [...this.#partial].reduce((one, other) =>
        other.bytes > one.bytes ? other : one,
      );
      longest.answered(null);
    }
  }

  /** No more of it comes. `isKept`: its bytes count until they are released. */
  over(waiting: Waiting, isKept: boolean): void {
    if (this.#partial.delete(waiting) && !isKept) this.release(waiting.bytes);
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
  }
}

export class AnsweringProcess {
  readonly peer: FeedPeer;
  readonly process: string;
  readonly servers: readonly string[];
  readonly #call: AnswerCall;
  readonly #bytes: AnswerBytes;
  readonly #waiting = new Map<bigint, Waiting>();
  readonly #reads = new AccountPlaces(READS_MAX, READS_PER_ACCOUNT_MAX);
  #lastId = 0n;
  #heardMs = performance.now();

  constructor(
    call: AnswerCall,
    peer: FeedPeer,
    { process, servers }: AnswerHello,
    bytes: AnswerBytes,
  ) {
    this.#call = call;
    this.peer = peer;
    this.process = process;
    this.servers = servers;
    this.#bytes = bytes;
  }

  get isSilent(): boolean {
    return performance.now() - this.#heardMs > SILENT_MS;
  }

  /** Null: it has no answer, in time, of so many bytes at most. `reader`: the account that reads; null: the question ends something. */
  ask(question: string, reader: string | null, bytesMax: number): Promise<WholeAnswer | null> {
    const hasRoom =
      reader === null
        ? this.#waiting.size - this.#reads.size < ENDS_MAX
        : this.#reads.enter(reader);
    if (!hasRoom) return Promise.resolve(null);
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      const late = setTimeout(() => answered(null), QUESTION_MS);
      const answered = (text: string | null) => {
        clearTimeout(late);
        if (!this.#waiting.delete(id)) return;
        if (reader !== null) this.#reads.leave(reader);
        this.#bytes.over(waiting, text !== null);
        resolve(text === null ? null : { text, bytes: waiting.bytes });
      };
      const waiting: Waiting = { parts: [], bytes: 0, bytesMax, answered };
      this.#waiting.set(id, waiting);
      this.#say(id, question);
    });
  }

  beat(): void {
    this.#say(0n, "");
  }

  heard({ body }: AnswerRequest): void {
    this.#heardMs = performance.now();
    if (body.case !== "answer") return;
    const { id, part, last, failed } = body.value;
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#bytes.add(waiting, part);
    if (!this.#waiting.has(id)) return;
    if (failed || waiting.bytes > waiting.bytesMax) waiting.answered(null);
    else if (last) waiting.answered(Buffer.concat(waiting.parts).toString());
  }

  /** The stream is over. */
  over(): void {
    for (const { answered } of [...this.#waiting.values()]) answered(null);
  }

  refuse(code: status, details: string): void {
    this.#call.emit("error", { code, details });
  }

  end(): void {
    this.#call.end();
  }

  #say(id: bigint, question: string): void {
    this.#call.write(
      toBinary(AnswerResponseSchema, create(AnswerResponseSchema, { id, question })),
    );
  }
}
