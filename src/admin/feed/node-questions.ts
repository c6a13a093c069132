// FeedService.Answer: nodes keep a stream at each control plane, over which it asks them.
import { fromBinary } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type AnswerRequest,
  AnswerRequestSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { KeyedLimit } from "../../guard/keyed-limit.ts";
import { AnswerBytes, type AnswerCall, AnsweringProcess } from "./answering-process.ts";
import type { FeedPeer } from "./feed-peer.ts";
import { introductionProblem } from "./hello-problem.ts";
import { answerOf, sizeMax } from "./node-answer.ts";
import type { NodeAnswer, NodeQuestion } from "./node-question.ts";

export const REVOKED = "the node was revoked";
const UNKNOWN = "the database cannot be read";
/** From the call to its hello, in milliseconds. */
export const HELLO_MS = 10_000;
/** How often a stream is used, so that it is known to be alive, in milliseconds. */
const BEAT_MS = 2_000;
/** Of each of the two kinds. */
export const STREAMS_PER_NODE_MAX = 32;
/** Bytes of answers, over all streams. */
const BYTES_MAX = 64 * 1024 * 1024;
/** As of an exchange log in this process: one tenant leaves room for the others. */
const READS_PER_CONTAINER_MAX = 4;

export const readAnswerRequest = (bytes: Buffer) => fromBinary(AnswerRequestSchema, bytes);

/** What one process of a node answered. */
export interface Answered<Answer> {
  readonly node: string;
  readonly process: string;
  readonly answer: Answer;
}

export class NodeQuestions {
  readonly #processes = new Set<AnsweringProcess>();
  /** The node of each stream, with a hello or without. */
  readonly #streams = new Map<AnswerCall, string>();
  readonly #bytes = new AnswerBytes(BYTES_MAX);
  readonly #reads = new KeyedLimit(READS_PER_CONTAINER_MAX);
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
      this.#streams.delete(call);
      if (process !== null) this.#delete(process);
    };
    for (const end of ["cancelled", "close", "error"]) call.on(end, over);
    const streams = [...this.#streams.values()].filter((node) => node === peer.node);
    if (streams.length >= STREAMS_PER_NODE_MAX) {
      call.emit("error", { code: status.RESOURCE_EXHAUSTED, details: "too many streams" });
      return;
    }
    this.#streams.set(call, peer.node);
    call.on("end", () => {
      over();
      call.end();
    });
    call.on("data", (request: AnswerRequest) => {
      if (!this.#streams.has(call)) return;
      const { body } = request;
      if (body.case !== "hello" || process !== null) {
        process?.heard(request);
        return;
      }
      clearTimeout(late);
      const problem = introductionProblem(body.value, body.value.servers.length, peer);
      if (problem !== null) {
        call.emit("error", problem);
        return;
      }
      process = new AnsweringProcess(call, peer, body.value, this.#bytes);
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
      if (process.peer.node === node) this.#refuse(process, REVOKED);
    }
  }

  /**
   * Asks the processes that serve this server's containers; who does not answer in time, or with something else, is left out. Of the
   * streams of one process the newest is read from; what ends something is said on all of them. Rejects with ApiError
   * PROXY_UNREACHABLE when the container is read too often at a time.
   */
  async ask<Kind extends NodeQuestion["kind"]>(
    server: string,
    question: Extract<NodeQuestion, { kind: Kind }>,
  ): Promise<readonly Answered<NodeAnswer<Kind>>[]> {
    const asked: NodeQuestion = question;
    const serving = [...this.#processes].filter(({ servers }) => servers.includes(server));
    if (asked.kind === "end" || asked.kind === "endOfGroup") {
      return this.#askEach<Kind>(serving, question, null);
    }
    const { container, account } = "query" in asked ? asked.query : asked;
    if (!this.#reads.enter(container)) {
      const message = "too many reads of this container at a time";
      throw new ApiError(ErrorCode.PROXY_UNREACHABLE, [{ instancePath: "", message }]);
    }
    try {
      const newest = new Map(serving.map((each) => [`${each.peer.node}/${each.process}`, each]));
      return await this.#askEach<Kind>([...newest.values()], question, account);
    } finally {
      this.#reads.leave(container);
    }
  }

  async #askEach<Kind extends NodeQuestion["kind"]>(
    processes: readonly AnsweringProcess[],
    question: Extract<NodeQuestion, { kind: Kind }>,
    reader: string | null,
  ): Promise<readonly Answered<NodeAnswer<Kind>>[]> {
    const text = JSON.stringify(question);
    const { bytes: bytesMax } = sizeMax(question);
    let bytes = 0;
    const answers = await Promise.all(
      processes.map(async (each) => {
        const ended = await Promise.resolve(each.peer.ended?.()).catch(() => UNKNOWN);
        const whole = ended ? null : await each.ask(text, reader, bytesMax);
        if (whole === null) return [];
        bytes += whole.bytes;
        const answer = answerOf<Kind>(question, whole.text);
        return answer === null ? [] : [{ node: each.peer.node, process: each.process, answer }];
      }),
    );
    this.#bytes.release(bytes);
    return answers.flat();
  }

  async #beat(): Promise<void> {
    for (const process of [...this.#processes]) {
      const ended = await Promise.resolve(process.peer.ended?.()).catch(() => null);
      if (ended) this.#refuse(process, ended);
      else if (process.isSilent) {
        this.#delete(process);
        process.refuse(status.DEADLINE_EXCEEDED, "nothing was heard from the node");
      } else process.beat();
    }
  }

  #refuse(process: AnsweringProcess, why: string): void {
    this.#delete(process);
    process.refuse(status.UNAUTHENTICATED, why);
  }
}
