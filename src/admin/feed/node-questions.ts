// FeedService.Answer: nodes keep a stream at each control plane, over which it asks them.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import {
  type AnswerHello,
  type AnswerRequest,
  AnswerRequestSchema,
  AnswerResponseSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { FeedPeer } from "./feed-peer.ts";
import type { NodeAnswer, NodeQuestion } from "./node-question.ts";
import { serversProblem } from "./servers-problem.ts";

export type AnswerCall = ServerDuplexStream<AnswerRequest, Uint8Array>;

/** From the call to its hello, in milliseconds. */
export const HELLO_MS = 10_000;
/** How long a node may take to answer, in milliseconds. */
const QUESTION_MS = 5_000;
/** Questions that one node works on. */
const QUESTIONS_MAX = 32;
/** Bytes of an answer: a page of 200 entries has some 200 KB. */
const ANSWER_BYTES_MAX = 8 * 1024 * 1024;
/** How often a stream is used, so that it is known to be alive, and how long nothing may come, in milliseconds. */
const BEAT_MS = 2_000;
const SILENT_MS = 8_000;

export const readAnswerRequest = (bytes: Buffer) => fromBinary(AnswerRequestSchema, bytes);

interface Waiting {
  readonly parts: Uint8Array[];
  bytes: number;
  readonly answered: (text: string | null) => void;
}

/** A process of a node that answers. */
class AnsweringProcess {
  readonly peer: FeedPeer;
  readonly process: string;
  readonly servers: readonly string[];
  readonly #call: AnswerCall;
  readonly #waiting = new Map<bigint, Waiting>();
  #lastId = 0n;
  #heardMs = performance.now();

  constructor(call: AnswerCall, peer: FeedPeer, { process, servers }: AnswerHello) {
    this.#call = call;
    this.peer = peer;
    this.process = process;
    this.servers = servers;
  }

  get isSilent(): boolean {
    return performance.now() - this.#heardMs > SILENT_MS;
  }

  /** Null: it has no answer, in time. */
  ask(question: string): Promise<string | null> {
    if (this.#waiting.size >= QUESTIONS_MAX) return Promise.resolve(null);
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      const late = setTimeout(() => answered(null), QUESTION_MS);
      const answered = (text: string | null) => {
        clearTimeout(late);
        this.#waiting.delete(id);
        resolve(text);
      };
      this.#waiting.set(id, { parts: [], bytes: 0, answered });
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
    waiting.bytes += part.byteLength;
    if (failed || waiting.bytes > ANSWER_BYTES_MAX) {
      waiting.answered(null);
      return;
    }
    waiting.parts.push(part);
    if (last) waiting.answered(Buffer.concat(waiting.parts).toString());
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

/** What one process of a node answered. */
export interface Answered<Answer> {
  readonly node: string;
  readonly process: string;
  readonly answer: Answer;
}

export class NodeQuestions {
  readonly #processes = new Set<AnsweringProcess>();
  #timer: ReturnType<typeof setInterval> | null = null;

  start(): void {
    this.#timer = setInterval(() => void this.#beat(), BEAT_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    for (const process of this.#processes) process.end();
  }

  /** A call of a node. */
  listen(call: AnswerCall, peer: FeedPeer): void {
    const late = setTimeout(() => {
      call.emit("error", { code: status.DEADLINE_EXCEEDED, details: "no hello came" });
    }, HELLO_MS);
    let process: AnsweringProcess | null = null;
    const over = () => {
      clearTimeout(late);
      if (process !== null) this.#delete(process);
    };
    for (const end of ["cancelled", "close", "error"]) call.on(end, over);
    call.on("end", () => {
      over();
      call.end();
    });
    call.on("data", (request: AnswerRequest) => {
      const { body } = request;
      if (body.case !== "hello" || process !== null) {
        process?.heard(request);
        return;
      }
      clearTimeout(late);
      const { servers } = body.value;
      const problem = serversProblem(servers, servers.length, peer);
      if (problem !== null) {
        call.emit("error", problem);
        return;
      }
      process = new AnsweringProcess(call, peer, body.value);
      this.#processes.add(process);
    });
  }

  #delete(process: AnsweringProcess): void {
    this.#processes.delete(process);
    process.over();
  }

  /** Ends the streams of a node. */
  cut(node: string): void {
    for (const process of this.#processes) {
      if (process.peer.node === node) this.#refuse(process);
    }
  }

  /** Asks the processes that serve this server's containers; who does not answer in time is left out. */
  async ask<Kind extends NodeQuestion["kind"]>(
    server: string,
    question: Extract<NodeQuestion, { kind: Kind }>,
  ): Promise<readonly Answered<NodeAnswer<Kind>>[]> {
    const text = JSON.stringify(question);
    const asked = [...this.#processes].filter(({ servers }) => servers.includes(server));
    const answers = await Promise.all(
      asked.map(async (each) => {
        if ((await each.peer.isValid?.()) === false) return [];
        const answer = await each.ask(text);
        if (answer === null) return [];
        try {
          return [{ node: each.peer.node, process: each.process, answer: JSON.parse(answer) }];
        } catch {
          return [];
        }
      }),
    );
    return answers.flat();
  }

  async #beat(): Promise<void> {
    for (const process of [...this.#processes]) {
      const isNode = await Promise.resolve(process.peer.isValid?.()).catch(() => true);
      if (isNode === false) this.#refuse(process);
      else if (process.isSilent) {
        this.#delete(process);
        process.refuse(status.DEADLINE_EXCEEDED, "nothing was heard from the node");
      } else process.beat();
    }
  }

  #refuse(process: AnsweringProcess): void {
    this.#delete(process);
    process.refuse(status.UNAUTHENTICATED, "the node was revoked");
  }
}
