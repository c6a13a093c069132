// One call of our services over gRPC: dispatch decides from its metadata whether its message is read at all.
import { randomBytes } from "node:crypto";
import type { ServerHttp2Stream } from "node:http2";
import { create, type DescMethod, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import {
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServerListener,
  status,
} from "@grpc/grpc-js";
import { ApiError, type Dispatch, type Reply } from "../../../proto/call.ts";
import { NOT_A_GATEWAY } from "../../../proto/gateway-field.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { CallerKind } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import type { PeerCertificate } from "../../guard/peer-certificate.ts";
import { Places } from "../../guard/places.ts";
import { cameThroughGate, PROGRAM_FIELD } from "../../guard/through-gate.ts";
import { statusOf } from "./grpc-status.ts";
import { requirementsOf } from "./requirements.ts";
import { streamOf, type UnsentReplies } from "./unsent-replies.ts";

/** Where a connection comes from. */
interface Peer {
  /** Names the connection. */
  readonly port: number;
  /** IP address of what is connected to the public listener. */
  readonly address: string;
  /** What it showed in its handshake, verified or not; null: nothing. */
  readonly certificate: PeerCertificate | null;
  /** Ends the connection. */
  readonly end: () => void;
}

export interface ServedCallOptions {
  /** By path, `/package.Service/Method`. Their messages arrive as bytes: nothing is decoded before the caller is known. */
  readonly methods: ReadonlyMap<string, DescMethod>;
  readonly dispatch: Dispatch;
  /** Null: the connection did not come through the public listener. `peer` is what grpc-js says, `127.0.0.1:5000`. */
  readonly peerOf: (peer: string) => Peer | null;
  /** The client address, from the peer's and `x-forwarded-for`. */
  readonly clientAddress: (peer: string, forwardedFor: string | null) => string;
  /** How long a message may take to arrive, in milliseconds. */
  readonly messageMs: number;
  /** Replies of our services that clients have not taken yet. */
  readonly unsent: UnsentReplies;
  /** Those of services that anybody may call (health, reflection). */
  readonly unsentOpen: UnsentReplies;
  /** The installation's domain. */
  readonly domain: string;
  /** Unset: there are no gateways. */
  readonly gatewayProblem?: GatewayProblem | null;
}

/** Why a call is not one of a gateway, which speaks for its clients; null: it is. `said` is what it says of itself. */
export type GatewayProblem = (
  said: string,
  certificate: PeerCertificate | null,
) => Promise<string | null>;

/** Of whom a gateway speaks. */
interface VouchedClient {
  readonly client: string;
  readonly authority: string | null;
  readonly requestId: string | null;
}

/** Messages of one connection that are read at a time; the others wait in the windows of their streams. */
const readsPerConnection = 4;
/** Bytes of a message that anybody may send. */
const publicMessageBytesMax = 64 * 1024;

/** Answers every call of our services, and refuses what did not come through the public listener. The rest goes on. */
export function grpcCalls(options: ServedCallOptions): ServerInterceptor {
  const reads = new Places(readsPerConnection);
  return ({ path, responseSerialize }, call) => {
    const peer = options.peerOf(call.getPeer());
    if (peer === null) return intercepted(call, { onReceiveMetadata: () => refuse(call) });
    const method = options.methods.get(path);
    const listener =
      method === undefined ? {} : new IncomingCall(call, method, peer, reads, options).listener;
    const guarded: Partial<ServerListener> = {
      ...listener,
      onReceiveMetadata: (metadata, next) => {
        if (isThroughGate(metadata, call, peer, options.domain)) refuse(call);
        else if (listener.onReceiveMetadata === undefined) next(metadata);
        else listener.onReceiveMetadata(metadata, next);
      },
    };
    if (method !== undefined) return intercepted(call, guarded);
    return new OpenCall(call, guarded, responseSerialize, peer, options.unsentOpen);
  };
}

/** A call that a handler of the library's answers; its replies are counted. */
class OpenCall extends ServerInterceptingCall {
  readonly #stream: ServerHttp2Stream;
  readonly #serialize: (reply: unknown) => Buffer;
  readonly #peer: Peer;
  readonly #unsent: UnsentReplies;

  constructor(
    call: ServerInterceptingCallInterface,
    listener: Partial<ServerListener>,
    serialize: (reply: unknown) => Buffer,
    peer: Peer,
    unsent: UnsentReplies,
  ) {
    super(call, { start: (next) => next(listener) });
    this.#stream = streamOf(call);
    this.#serialize = serialize;
    this.#peer = peer;
    this.#unsent = unsent;
  }

  override sendMessage(reply: unknown, sent: () => void): void {
    const out = {
      sendMessage: (bytes: Buffer, taken: () => void) => super.sendMessage(bytes, taken),
    };
    this.#unsent.send(out, this.#stream, this.#peer, this.#serialize(reply), sent);
  }
}

function isThroughGate(
  metadata: Metadata,
  call: ServerInterceptingCallInterface,
  { address }: Peer,
  domain: string,
): boolean {
  const hosts = [call.getHost(), text(metadata, "x-forwarded-host")];
  return cameThroughGate({ program: text(metadata, PROGRAM_FIELD), hosts, peer: address }, domain);
}

function intercepted(
  call: ServerInterceptingCallInterface,
  listener: Partial<ServerListener>,
): ServerInterceptingCall {
  return new ServerInterceptingCall(call, { start: (next) => next(listener) });
}

function refuse(call: ServerInterceptingCallInterface): void {
  call.sendStatus({ code: status.UNAVAILABLE, details: "Not through the listener" });
}

class IncomingCall {
  readonly #call: ServerInterceptingCallInterface;
  readonly #method: DescMethod;
  readonly #peer: Peer;
  readonly #reads: Places;
  readonly #options: ServedCallOptions;
  readonly #message = Promise.withResolvers<Message>();
  #bytes: Uint8Array | null = null;
  #isOver = false;
  #isVouched = false;
  /** Gives up the place for reading. */
  #stopReading: () => void = () => {};
  #deadline: ReturnType<typeof setTimeout> | undefined;

  constructor(
    call: ServerInterceptingCallInterface,
    method: DescMethod,
    peer: Peer,
    reads: Places,
    options: ServedCallOptions,
  ) {
    this.#call = call;
    this.#method = method;
    this.#peer = peer;
    this.#reads = reads;
    this.#options = options;
    // It may fail before, or without, anybody waiting for it.
    this.#message.promise.catch(() => {});
  }

  /** None of these calls `next`: grpc-js' own handler of the method never runs. */
  get listener(): Partial<ServerListener> {
    return {
      onReceiveMetadata: (metadata) => void this.#answer(metadata),
      onReceiveMessage: (bytes) => this.#received(bytes as Uint8Array),
      onReceiveHalfClose: () => this.#complete(),
      onCancel: () => {
        this.#isOver = true;
        this.#fail(new ApiError(ErrorCode.REQUEST_TIMEOUT));
      },
    };
  }

  async #answer(metadata: Metadata): Promise<void> {
    const { dispatch, clientAddress } = this.#options;
    const forwardedFor = text(metadata, "x-forwarded-for");
    const vouched = await this.#vouchedFor(metadata);
    if (vouched === "refused") return;
    this.#isVouched = vouched !== null;
    const requestId = vouched?.requestId ?? randomBytes(12).toString("hex");
    const reply = await dispatch({
      method: this.#method,
      credential: text(metadata, "authorization"),
      authority: vouched === null ? this.#call.getHost() || null : vouched.authority,
      realmId: text(metadata, "x-realm-id"),
      realmFilter: text(metadata, "x-realm-filter"),
      ifMatch: text(metadata, "if-match"),
      clientAddress: vouched?.client ?? clientAddress(this.#peer.address, forwardedFor),
      requestId,
      identifiesOnly: this.#isVouched && text(metadata, "x-realmgate-identify") === "true",
      message: () => this.#read(),
    });
    this.#stop();
    if (this.#isOver) return;
    this.#isOver = true;
    this.#send(reply, requestId);
  }

  /** What a gateway says of its client; null: this is the client itself. A wrong token is refused: it would be taken for the client. */
  async #vouchedFor(metadata: Metadata): Promise<VouchedClient | null | "refused"> {
    const said = text(metadata, "x-realmgate-gateway");
    if (said === null) return null;
    const { gatewayProblem = null } = this.#options;
    let problem: string | null = "there are none";
    try {
      if (gatewayProblem !== null) problem = await gatewayProblem(said, this.#peer.certificate);
    } catch {
      this.#end(status.UNAVAILABLE, "The gateway cannot be looked up");
      return "refused";
    }
    if (problem === null) {
      return {
        client: text(metadata, "x-realmgate-client") ?? "unknown",
        authority: text(metadata, "x-realmgate-authority"),
        requestId: text(metadata, "x-realmgate-request-id"),
      };
    }
    this.#end(status.UNAUTHENTICATED, `${NOT_A_GATEWAY}: ${problem}`);
    return "refused";
  }

  #send(reply: Reply, requestId: string): void {
    const trailers = new Metadata();
    trailers.set("x-request-id", requestId);
    if (this.#isVouched && !reply.ok) trailers.set("x-realmgate-code", String(reply.code));
    if (reply.ok && reply.dryRun) trailers.set("x-realmgate-dry-run", "true");
    if (!reply.ok) {
      this.#call.sendStatus(statusOf(reply, trailers));
      return;
    }
    if (reply.etag !== null) trailers.set("etag", reply.etag);
    if (reply.revision !== null) trailers.set("x-realmgate-revision", reply.revision);
    const { output } = this.#method;
    const bytes = Buffer.from(toBinary(output, create(output, reply.message)));
    this.#options.unsent.send(this.#call, streamOf(this.#call), this.#peer, bytes, () => {
      this.#call.sendStatus({ code: status.OK, details: "OK", metadata: trailers });
    });
  }

  #read(): Promise<Message> {
    const late = () => this.#fail(new ApiError(ErrorCode.REQUEST_TIMEOUT));
    this.#deadline = setTimeout(late, this.#options.messageMs);
    this.#stopReading = this.#reads.take(this.#peer.port, () => this.#call.startRead());
    return this.#message.promise;
  }

  #received(bytes: Uint8Array): void {
    if (this.#bytes !== null) {
      this.#end(status.UNIMPLEMENTED, "More than one message");
      return;
    }
    const isPublic = requirementsOf(this.#method).caller === CallerKind.PUBLIC;
    if (isPublic && bytes.length > publicMessageBytesMax) {
      this.#fail(new ApiError(ErrorCode.PAYLOAD_TOO_LARGE));
      return;
    }
    this.#bytes = bytes;
    // For the end of the client's half.
    this.#call.startRead();
  }

  #complete(): void {
    this.#stop();
    if (this.#bytes === null) {
      this.#end(status.UNIMPLEMENTED, "No message");
      return;
    }
    try {
      this.#message.resolve(fromBinary(this.#method.input, this.#bytes));
    } catch {
      this.#end(status.INTERNAL, "Error deserializing request");
    }
  }

  /** Ends the call with a status of the protocol; dispatch is let go. */
  #end(code: status, details: string): void {
    if (!this.#isOver) this.#call.sendStatus({ code, details });
    this.#isOver = true;
    this.#fail(new ApiError(ErrorCode.INVALID_JSON));
  }

  #fail(error: ApiError): void {
    this.#stop();
    this.#message.reject(error);
  }

  #stop(): void {
    clearTimeout(this.#deadline);
    this.#stopReading();
  }
}

/** One metadata value. Repeated values become a comma-separated list, which no reader accepts. */
function text(metadata: Metadata, key: string): string | null {
  const values = metadata.get(key);
  return values.length === 0 ? null : values.map(String).join(", ");
}
