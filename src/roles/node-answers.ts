// A node answers what control planes ask: its exchange log, and what is open at its containers. It keeps a stream at each of them.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Client, ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import {
  type AnswerRequest,
  AnswerRequestSchema,
  type AnswerResponse,
  AnswerResponseSchema,
  FeedService,
} from "../../proto/gen/realmgate/v1/feed_pb.ts";
import { methodPath } from "../../proto/grpc.ts";
import type { NodeQuestion } from "../admin/feed/node-question.ts";
import type { ExchangeLogReader, RecentReader } from "../exchange-log/exchange-log.ts";
import type { Log } from "../log.ts";
import type { OpenConnections } from "../proxy/observe/open-connections.ts";
import type { FeedTls } from "../proxy/snapshot/control-connection.ts";
import { bearer, feedClient } from "../proxy/snapshot/feed-stream.ts";

export interface NodeAnswersOptions {
  /** Control planes, as of RemoteSource. */
  readonly urls: readonly string[];
  /** Null: the node has a certificate. */
  readonly token: string | null;
  readonly tls: FeedTls;
  readonly process: string;
  readonly servers: readonly string[];
  /** Null: there is none, and no answer about it. */
  readonly exchangeLog: (ExchangeLogReader & RecentReader) | null;
  readonly connections: Pick<OpenConnections, "list" | "end" | "endOfGroup">;
  readonly log: Log;
}

/** Pauses before a stream is begun anew, in milliseconds: a random part of it. */
const RETRY_MS = 5_000;
/** The control plane uses a stream more often than this, in milliseconds. */
const SILENT_MS = 10_000;
/** Bytes of a message: control planes take no longer ones. */
const PART_BYTES = 32 * 1024;
const QUESTION_BYTES_MAX = 64 * 1024;

export class NodeAnswers {
  readonly #streams: readonly AnswerStream[];

  constructor(options: NodeAnswersOptions) {
    this.#streams = options.urls.map((url) => new AnswerStream(url, options));
  }

  start(): void {
    for (const stream of this.#streams) stream.start();
  }

  stop(): void {
    for (const stream of this.#streams) stream.stop();
  }

  /** Begins all streams anew: with other credentials than before. */
  reconnect(): void {
    for (const stream of this.#streams) stream.reconnect();
  }
}

/** Stays at one control plane. */
class AnswerStream {
  readonly #url: string;
  readonly #options: NodeAnswersOptions;
  #client: Client | null = null;
  #call: ClientDuplexStream<AnswerRequest, AnswerResponse> | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #isStopped = false;

  constructor(url: string, options: NodeAnswersOptions) {
    this.#url = url;
    this.#options = options;
  }

  start(): void {
    const { token, tls, process, servers } = this.#options;
    const client = feedClient(this.#url, tls, QUESTION_BYTES_MAX);
    const call = client.makeBidiStreamRequest(
      methodPath(FeedService.method.answer),
      (request: AnswerRequest) => Buffer.from(toBinary(AnswerRequestSchema, request)),
      (bytes: Buffer) => fromBinary(AnswerResponseSchema, bytes),
      bearer(token),
    );
    this.#client = client;
    this.#call = call;
    call.on("data", (response: AnswerResponse) => {
      if (this.#call === call) this.#heard(call, response);
    });
    const over = (problem: string) => {
      if (this.#call === call) this.#lost(problem);
    };
    call.on("error", ({ details, message }: ServiceError) => over(details || message));
    call.on("end", () => over("the control plane ended the stream"));
    const hello = { process, servers: [...servers] };
    call.write(create(AnswerRequestSchema, { body: { case: "hello", value: hello } }));
    this.#later(SILENT_MS, () => over("nothing is heard"));
  }

  stop(): void {
    this.#isStopped = true;
    this.#close();
  }

  reconnect(): void {
    if (this.#isStopped) return;
    this.#close();
    this.start();
  }

  #heard(call: ClientDuplexStream<AnswerRequest, AnswerResponse>, response: AnswerResponse): void {
    this.#later(SILENT_MS, () => this.#lost("nothing is heard"));
    const { id, question } = response;
    if (id === 0n) say(call, id, new Uint8Array(), true);
    else void this.#answer(call, id, question);
  }

  async #answer(
    call: ClientDuplexStream<AnswerRequest, AnswerResponse>,
    id: bigint,
    question: string,
  ): Promise<void> {
    try {
      const answer = await answerTo(JSON.parse(question), this.#options);
      if (this.#call !== call) return;
      const bytes = Buffer.from(JSON.stringify(answer));
      for (let at = 0; at < bytes.byteLength; at += PART_BYTES) {
        const part = bytes.subarray(at, at + PART_BYTES);
        say(call, id, part, at + PART_BYTES >= bytes.byteLength);
      }
    } catch (error) {
      this.#options.log.warn({ err: error }, "a question of a control plane has no answer");
      if (this.#call === call) say(call, id, new Uint8Array(), true, true);
    }
  }

  /** The follower of the feed logs what is wrong with the control plane. */
  #lost(problem: string): void {
    this.#close();
    if (this.#isStopped) return;
    this.#options.log.info({ url: this.#url, problem }, "the stream of questions ended");
    this.#later(Math.random() * RETRY_MS, () => this.start());
  }

  #later(ms: number, then: () => void): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(then, ms);
  }

  #close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const [call, client] = [this.#call, this.#client];
    this.#call = null;
    this.#client = null;
    call?.cancel();
    client?.close();
  }
}

function say(
  call: ClientDuplexStream<AnswerRequest, AnswerResponse>,
  id: bigint,
  part: Uint8Array,
  last: boolean,
  failed = false,
): void {
  const value = { id, part, last, failed };
  call.write(create(AnswerRequestSchema, { body: { case: "answer", value } }));
}

/** Rejects when there is none. */
async function answerTo(
  question: NodeQuestion,
  { exchangeLog, connections }: Pick<NodeAnswersOptions, "exchangeLog" | "connections">,
): Promise<unknown> {
  switch (question.kind) {
    case "list":
      return connections.list(question.container, question.group, question.limit);
    case "end":
      return connections.end(question.container, question.id);
    case "endOfGroup":
      return connections.endOfGroup(question.container, question.group);
  }
  if (exchangeLog === null) throw new Error("there is no exchange log here");
  switch (question.kind) {
    case "newest":
      return exchangeLog.newest(question.query, question.before);
    case "oldest":
      return exchangeLog.oldest(question.query, question.after);
    case "stats":
      return exchangeLog.stats(question.container, question.account);
    default:
      throw new Error("this node does not know that question");
  }
}
