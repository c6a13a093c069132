// FeedService: a gRPC server of its own for the nodes of the installation, on an address or a socket of the machine.
import { fromBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServiceDefinition, status } from "@grpc/grpc-js";
import {
  type FeedHello,
  FeedService,
  type FollowRequest,
  FollowRequestSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { methodPath } from "../../../proto/grpc.ts";
import type { PeerCertificate } from "../../guard/peer-certificate.ts";
import { RelayListener, type RelayTls } from "../../guard/relay-listener.ts";
import type { RelayLimits } from "../../guard/relayed.ts";
import { RELAY_SERVER_HOST, serverPeer } from "../../guard/server-peer.ts";
import type { Log } from "../../log.ts";
import { bearerToken } from "../../policy/authorization.ts";
import type { AnswerCall } from "./answering-process.ts";
import type { StoreChangeSource } from "./change-source.ts";
import type { Authenticated, AuthenticatePeer, FeedPeer } from "./feed-peer.ts";
import { FeedReads } from "./feed-reads.ts";
import { type FollowCall, FollowStream } from "./follow-stream.ts";
import { helloProblem, type Problem } from "./hello-problem.ts";
import {
  HELLO_MS,
  NodeQuestions,
  REVOKED,
  readAnswerRequest,
  STREAMS_PER_NODE_MAX,
} from "./node-questions.ts";

export interface FeedServerOptions {
  /** `ADDRESS:PORT`, port 0 for any that is free, or `unix:PATH`. */
  readonly listen: string;
  /** Certificates and their key as PEM, for an address; plain text when unset. */
  readonly tls?: { readonly cert: string; readonly key: string } | null;
  /** With TLS: authorities of nodes' certificates, each as PEM. Null or unset: nobody is asked for one. */
  readonly nodeAuthorities?: readonly string[] | null;
  readonly source: StoreChangeSource;
  readonly authenticate: AuthenticatePeer;
  /** Whole states that are sent at a time. Default: 2. */
  readonly wholesMax?: number;
  /** Of these, to processes of one node. Default: 1. */
  readonly wholesPerNodeMax?: number;
  /** Followers of one node. Default: 32. */
  readonly followersPerNodeMax?: number;
  /** How often each follower hears something, in milliseconds. Default: 1,000. */
  readonly heartbeatMs?: number;
  /** How long a follower may take nothing of what it is sent, in milliseconds. Default: 10,000. */
  readonly drainMs?: number;
  /** Called when a follower comes, and when it enforces something else than before. */
  readonly enforced?: (stream: FollowStream) => void;
  /** Called when a follower says that its process stops. */
  readonly left?: (stream: FollowStream) => void;
  readonly log: Log;
}

export interface FeedServer {
  /** The port; 0 of a socket of the machine. */
  readonly port: number;
  /** Where to reach it, as a client takes it. */
  readonly url: string;
  /** All that it listens on, the server behind the relay included. */
  readonly listeners: readonly { readonly hostname: string; readonly port: number }[];
  readonly streams: ReadonlySet<FollowStream>;
  /** The processes of nodes that answer questions. */
  readonly questions: NodeQuestions;
  /** Ends the streams of a node. */
  cut(node: string): void;
  /** Certificates and their key for connections from now on. */
  replaceTls(tls: RelayTls): void;
  /** Sends followers elsewhere and ends. */
  stop(): Promise<void>;
}

/** Bytes of what a node may say at a time: a hello is the longest. */
const REQUEST_BYTES_MAX = 64 * 1024;
const METADATA_BYTES_MAX = 8 * 1024;
const STREAMS_PER_CONNECTION_MAX = 4;
/** Followers that are sent away come back spread over this time, in milliseconds. */
const SPREAD_MS = 2_000;
const STOP_MS = 1_000;
const FLUSH_MS = 500;
/** How long a connection may have no call. */
const IDLE_MS = 30_000;

/** Rejects when the address is taken. */
export async function startFeed(options: FeedServerOptions): Promise<FeedServer> {
  const server = new Server({
    "grpc.max_receive_message_length": REQUEST_BYTES_MAX,
    "grpc.max_metadata_size": METADATA_BYTES_MAX,
    "grpc.max_concurrent_streams": STREAMS_PER_CONNECTION_MAX,
    "grpc.max_connection_idle_ms": IDLE_MS,
  });
  let relay: RelayListener | null = null;
  const followers = new Followers(
    options,
    (peer) => relay?.certificateOf(serverPeer(peer)) ?? null,
  );
  server.addService(definition, {
    Follow: (call: FollowCall) =>
      void followers.accept(call, (each, peer) => followers.listen(each, peer)),
    Answer: (call: AnswerCall) =>
      void followers.accept(call, (each, peer) => followers.questions.listen(each, peer)),
  });
  const { listen, tls = null, nodeAuthorities: clientAuthorities = null } = options;
  const isSocket = listen.startsWith("unix:");
  const serverPort = await bind(server, isSocket ? listen : `${RELAY_SERVER_HOST}:0`);
  try {
    if (!isSocket) {
      const asks = { tls, alpn: ["h2"], clientAuthorities };
      relay = new RelayListener({ ...addressOf(listen), ...asks, serverPort, limits });
    }
  } catch (error) {
    server.forceShutdown();
    throw error;
  }
  followers.start();
  const scheme = tls === null ? "http" : "https";
  return {
    port: relay?.port ?? 0,
    url: relay === null ? listen : `${scheme}://${withPort(listen, relay.port)}`,
    listeners:
      relay === null
        ? []
        : [relay, { hostname: RELAY_SERVER_HOST, port: serverPort }].map(({ hostname, port }) => ({
            hostname,
            port,
          })),
    streams: followers.streams,
    questions: followers.questions,
    cut: (node) => followers.cut(node),
    replaceTls: (pair) => relay?.replaceTls(pair),
    async stop() {
      relay?.stopAccepting();
      await followers.stop();
      await relay?.flushed(FLUSH_MS);
      await new Promise<void>((resolve) => {
        const late = setTimeout(() => server.forceShutdown(), STOP_MS);
        server.tryShutdown(() => {
          clearTimeout(late);
          resolve();
        });
      });
      relay?.close();
    },
  };
}

/** What strangers may cost: each holds a connection without a call for a while, and no more bytes than a call's metadata. */
const limits: RelayLimits = {
  connectionsMax: 4_096,
  perNetworkMax: 1_024,
  firstByteMs: 10_000,
  silentMs: 10_000,
  bytesPerTurn: 64 * 1024,
  lingerMs: 1_000,
  lingerBytes: 64 * 1024,
};

function addressOf(listen: string): { readonly hostname: string; readonly port: number } {
  const at = listen.lastIndexOf(":");
  const hostname = listen.slice(0, at).replace(/^\[(.*)\]$/, "$1");
  return { hostname, port: Number(listen.slice(at + 1)) };
}

function withPort(listen: string, port: number): string {
  return `${listen.slice(0, listen.lastIndexOf(":"))}:${port}`;
}

function bind(server: Server, listen: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });
}

/** Responses are encoded already: many followers get the same bytes. */
const definition: ServiceDefinition = {
  Follow: {
    path: methodPath(FeedService.method.follow),
    requestStream: true,
    responseStream: true,
    requestSerialize: () => Buffer.alloc(0),
    requestDeserialize: (bytes: Buffer) => fromBinary(FollowRequestSchema, bytes),
    responseSerialize: (bytes: Uint8Array) =>
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
    responseDeserialize: (bytes: Buffer) => bytes,
  },
  Answer: {
    path: methodPath(FeedService.method.answer),
    requestStream: true,
    responseStream: true,
    requestSerialize: () => Buffer.alloc(0),
    requestDeserialize: readAnswerRequest,
    responseSerialize: (bytes: Uint8Array) =>
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
    responseDeserialize: (bytes: Buffer) => bytes,
  },
};

const TOO_MANY: Problem = {
  code: status.RESOURCE_EXHAUSTED,
  details: "too many processes of this node",
};

/** What the connection of a call showed in its handshake; `peer` is what grpc-js says of the other end, `127.0.0.1:5000`. */
type CertificateOf = (peer: string) => PeerCertificate | null;

class Followers {
  readonly #options: FeedServerOptions;
  readonly #reads: FeedReads;
  readonly #heartbeatMs: number;
  readonly #certificateOf: CertificateOf;
  readonly streams = new Set<FollowStream>();
  readonly questions = new NodeQuestions();
  #unsubscribe: (() => void) | null = null;
  #timer: ReturnType<typeof setInterval> | null = null;
  #beating = false;
  #isStopped = false;

  constructor(options: FeedServerOptions, certificateOf: CertificateOf) {
    this.#certificateOf = certificateOf;
    this.#options = options;
    this.#heartbeatMs = options.heartbeatMs ?? 1_000;
    this.#reads = new FeedReads(
      options.source,
      options.wholesMax ?? 2,
      options.wholesPerNodeMax ?? 1,
    );
  }

  start(): void {
    this.#unsubscribe = this.#options.source.onCommit(() => {
      this.#reads.refresh();
      for (const stream of this.streams) stream.wake();
    });
    this.#timer = setInterval(() => void this.#beat(), this.#heartbeatMs);
    this.questions.start();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.questions.stop();
    this.#unsubscribe?.();
    if (this.#timer !== null) clearInterval(this.#timer);
    const away = [...this.streams].map((stream) => stream.goAway("it stops", SPREAD_MS));
    await Promise.all(away);
  }

  cut(node: string): void {
    this.questions.cut(node);
    for (const stream of this.streams) {
      if (stream.peer.node === node) this.#refuse(stream, REVOKED);
    }
  }

  /** Nothing is read from a call before its node is known. */
  async accept<Call extends FollowCall | AnswerCall>(
    call: Call,
    listen: (call: Call, peer: FeedPeer) => void,
  ): Promise<void> {
    const refuse = (code: status, details: string) => call.emit("error", { code, details });
    call.on("error", () => {});
    const authorization = call.metadata.get("authorization").map(String).join(", ");
    const token = bearerToken(authorization);
    const presented = { token, certificate: this.#certificateOf(call.getPeer()) };
    let authenticated: Authenticated;
    try {
      authenticated = await this.#options.authenticate(presented);
    } catch (error) {
      this.#options.log.error({ err: error }, "a node could not be authenticated");
      refuse(status.UNAVAILABLE, "the database cannot be read");
      return;
    }
    if (this.#isStopped) refuse(status.UNAVAILABLE, "it stops");
    else if ("peer" in authenticated) listen(call, authenticated.peer);
    else {
      const { problem } = authenticated;
      refuse(status.UNAUTHENTICATED, `not a node of this installation: ${problem}`);
    }
  }

  listen(call: FollowCall, peer: FeedPeer): void {
    const late = setTimeout(() => {
      call.emit("error", { code: status.DEADLINE_EXCEEDED, details: "no hello came" });
    }, HELLO_MS);
    let stream: FollowStream | null = null;
    let hasHello = false;
    let isOver = false;
    const over = () => {
      isOver = true;
      clearTimeout(late);
      stream?.end();
      if (stream !== null) this.streams.delete(stream);
    };
    call.on("cancelled", over);
    call.on("close", over);
    call.on("error", over);
    call.on("end", () => {
      over();
      call.end();
    });
    call.on("data", ({ body }: FollowRequest) => {
      if (body.case === "ack") stream?.heard(body.value.enforced ?? null);
      if (body.case === "bye" && stream !== null) {
        over();
        this.#options.left?.(stream);
      }
      if (body.case !== "hello" || hasHello) return;
      hasHello = true;
      clearTimeout(late);
      const hello = body.value;
      void this.#problemOf(hello, peer).then((problem) => {
        if (isOver) return;
        if (problem === null && this.#isFull(peer)) call.emit("error", TOO_MANY);
        else if (problem === null) stream = this.#follow(call, peer, hello);
        else call.emit("error", problem);
      });
    });
  }

  /** The node may have been revoked since the call began: keys go out with the first answer. */
  async #problemOf(hello: FeedHello, peer: FeedPeer): Promise<Problem | null> {
    try {
      const ended = (await peer.ended?.()) ?? null;
      if (ended !== null) return { code: status.UNAUTHENTICATED, details: ended };
    } catch (error) {
      this.#options.log.error({ err: error }, "a node could not be authenticated");
      return { code: status.UNAVAILABLE, details: "the database cannot be read" };
    }
    return helloProblem(hello, peer);
  }

  #isFull({ node }: FeedPeer): boolean {
    const { followersPerNodeMax = STREAMS_PER_NODE_MAX } = this.#options;
    const ofNode = [...this.streams].filter((stream) => stream.peer.node === node);
    return ofNode.length >= followersPerNodeMax;
  }

  #follow(call: FollowCall, peer: FeedPeer, hello: FeedHello): FollowStream {
    const { drainMs = 10_000, enforced, log } = this.#options;
    const stream = new FollowStream({
      ...{ call, peer, hello, drainMs },
      reads: this.#reads,
      heartbeatMs: this.#heartbeatMs,
      acked: (acked) => enforced?.(acked),
      failed: (error) => log.error({ err: error, node: peer.node }, "a follower got no changes"),
    });
    this.streams.add(stream);
    enforced?.(stream);
    stream.wake();
    return stream;
  }

  /** Followers hear that nothing changed only after a look at the database. */
  async #beat(): Promise<void> {
    if (this.#beating || this.#isStopped) return;
    this.#beating = true;
    try {
      const head = await this.#options.source.head();
      this.#reads.refresh();
      await Promise.all([...this.streams].map((stream) => this.#check(stream)));
      for (const stream of this.streams) stream.beat(head);
    } catch (error) {
      this.#options.log.error(
        { err: error },
        "the database cannot be read: followers hear nothing",
      );
    } finally {
      this.#beating = false;
    }
  }

  async #check(stream: FollowStream): Promise<void> {
    const ended = (await stream.peer.ended?.()) ?? null;
    if (ended !== null) this.#refuse(stream, ended);
  }

  #refuse(stream: FollowStream, why: string): void {
    this.streams.delete(stream);
    stream.fail(status.UNAUTHENTICATED, why);
  }
}
