// Dispatch by a control plane elsewhere: calls go there over gRPC, in the name of the client that this gateway vouches for.
import { create, fromBinary, getOption, type Message, toBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { ApiError, type Call, type Dispatch, type Failure, type Reply } from "../../proto/call.ts";
import { GATEWAY_BY_CERTIFICATE, NOT_A_GATEWAY } from "../../proto/gateway-field.ts";
import { http } from "../../proto/gen/google/api/annotations_pb.ts";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../proto/gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../proto/gen/google/rpc/status_pb.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import { methodPath } from "../../proto/grpc.ts";
import { IdentifiedCallers } from "./identified-callers.ts";

/** As a gRPC client takes it. */
export interface RemoteConnection {
  readonly target: string;
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
}

export interface RemoteDispatchOptions {
  /** Of connections that begin now: how to reach each of the control planes. */
  readonly connections: () => readonly RemoteConnection[];
  /** The gateway's own; see NodeService. Null: it has a certificate, among the credentials. */
  readonly token: string | null;
  /** Called with each answer: why this is not a gateway of that control plane; null: it is. */
  readonly judged?: (refusal: string | null) => void;
  /** How long a call may take, in milliseconds. Default: 30,000. */
  readonly deadlineMs?: number;
  /** The client network of an address; unset: each is one. */
  readonly networkOf?: (address: string) => string;
}

export interface RemoteDispatch {
  readonly dispatch: Dispatch;
  /** Whether a control plane answers. */
  isUp(): Promise<boolean>;
  /** Calls from now on go over new connections, as the credentials are others. */
  reconnect(): void;
  close(): void;
}

/** A document of maximum size fits, and a list of the longest ones. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const UP_MS = 2_000;
/** A control plane that is back is used after this at the latest, in milliseconds. */
const RECONNECT_MS = 2_000;
/** Connections to each control plane: one carries as many calls at a time as the server allows. */
const CHANNELS = 4;
const STORE_RETRY_S = 1;

const channelOptions = {
  "grpc.use_local_subchannel_pool": 1,
  "grpc.max_receive_message_length": ANSWER_BYTES_MAX,
  "grpc.enable_http_proxy": 0,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": RECONNECT_MS,
  "grpc.enable_retries": 0,
  "grpc.keepalive_time_ms": 2_000,
  "grpc.keepalive_timeout_ms": 2_000,
};

interface Answered {
  readonly message: Message;
  readonly trailers: Metadata;
}

export function remoteDispatch(options: RemoteDispatchOptions): RemoteDispatch {
  const { deadlineMs = 30_000, networkOf = (address) => address } = options;
  const callers = new IdentifiedCallers(() => performance.now() / 1000, networkOf);
  const said = options.token ?? GATEWAY_BY_CERTIFICATE;
  const connected = () => {
    const connections = options.connections();
    return Array.from({ length: CHANNELS }, () => connections)
      .flat()
      .map((each) => {
        const channel = { ...channelOptions, ...each.options };
        return new Client(each.target, each.credentials, channel);
      });
  };
  let clients = connected();
  const closing = new Set<ReturnType<typeof setTimeout>>();
  let turn = 0;
  const attempt = async <Answer>(send: (client: Client) => Promise<Answer>): Promise<Answer> => {
    let failure: unknown;
    for (let tries = 0; tries < clients.length / CHANNELS; tries++) {
      const client = clients[turn++ % clients.length];
      if (client === undefined) break;
      try {
        const answered = await send(client);
        options.judged?.(null);
        return answered;
      } catch (error) {
        failure = error;
        if (isServiceError(error) && error.details.startsWith(NOT_A_GATEWAY)) {
          options.judged?.(error.details);
        }
        if (!wasNeverSent(error)) break;
      }
    }
    throw failure;
  };
  const as = { said, deadlineMs };
  return {
    async dispatch(call) {
      if (!callers.mayRead(call)) {
        try {
          await attempt((client) => identify(client, call, as));
          callers.identified(call);
        } catch (error) {
          return failureOf(error, true);
        }
      }
      try {
        const message = await call.message(callers.measure(call));
        const { message: answer, trailers } = await attempt((client) =>
          send(client, call, message, as),
        );
        return {
          ok: true,
          message: answer,
          revision: textOf(trailers, "x-realmgate-revision"),
          etag: textOf(trailers, "etag"),
          dryRun: textOf(trailers, "x-realmgate-dry-run") === "true",
        };
      } catch (error) {
        return failureOf(error, getOption(call.method, http).pattern.case === "get");
      }
    },
    async isUp() {
      const waiting = clients.map(
        (client) =>
          new Promise<boolean>((resolve) => {
            client.waitForReady(Date.now() + UP_MS, (error) => resolve(error === undefined));
          }),
      );
      return (await Promise.all(waiting)).some(Boolean);
    },
    reconnect() {
      const before = clients;
      clients = connected();
      // Their calls may go on.
      const timer = setTimeout(() => {
        closing.delete(timer);
        for (const client of before) client.close();
      }, deadlineMs);
      closing.add(timer);
      timer.unref();
    },
    close() {
      for (const timer of closing) clearTimeout(timer);
      for (const client of clients) client.close();
    },
  };
}

interface SentAs {
  readonly said: string;
  readonly deadlineMs: number;
}

/** Resolves when the control plane would read the call's message. Nothing is sent of it: one that does not know the question waits. */
function identify(client: Client, call: Call, { said, deadlineMs }: SentAs): Promise<void> {
  const metadata = metadataOf(call, said);
  metadata.set("x-realmgate-identify", "true");
  return new Promise((resolve, reject) => {
    client.makeClientStreamRequest(
      methodPath(call.method),
      () => Buffer.alloc(0),
      // Null would be taken for none.
      () => true,
      metadata,
      { deadline: Date.now() + deadlineMs },
      (error) => (error === null ? resolve() : reject(error)),
    );
  });
}

function send(
  client: Client,
  call: Call,
  message: Message,
  { said, deadlineMs }: SentAs,
): Promise<Answered> {
  const { method } = call;
  return new Promise((resolve, reject) => {
    let answered: Message | null = null;
    const request = client.makeUnaryRequest(
      methodPath(method),
      (sent: Message) => Buffer.from(toBinary(method.input, sent)),
      (bytes: Buffer) => fromBinary(method.output, bytes),
      message,
      metadataOf(call, said),
      { deadline: Date.now() + deadlineMs },
      (error, answer) => {
        if (error !== null) reject(error);
        else answered = answer ?? create(method.output);
      },
    );
    // It comes after the answer, and has the trailers.
    request.on("status", ({ metadata }) => {
      if (answered !== null) resolve({ message: answered, trailers: metadata });
    });
  });
}

/** Other values are lost on the way, or changed. */
const CARRIED = /^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/;
/** No credential, realm or version of ours: who sent one must not be served as if there had been none, in all realms. */
const UNREADABLE = "?";

function metadataOf(call: Call, said: string): Metadata {
  const metadata = new Metadata();
  const set = (name: string, value: string | null) => {
    if (value !== null) metadata.set(name, CARRIED.test(value) ? value : UNREADABLE);
  };
  set("authorization", call.credential);
  set("x-realmgate-authority", call.authority);
  set("x-realm-id", call.realmId);
  set("x-realm-filter", call.realmFilter);
  set("if-match", call.ifMatch);
  set("x-realmgate-client", call.clientAddress);
  set("x-realmgate-request-id", call.requestId);
  set("x-realmgate-gateway", said);
  return metadata;
}

/** `isRead`: nothing can have been written. */
function failureOf(error: unknown, isRead: boolean): Reply {
  if (error instanceof ApiError) {
    const { code, violations, retryAfterS, metadata } = error;
    return { ok: false, code, violations, retryAfterS, metadata };
  }
  const failure = isServiceError(error) ? answeredFailure(error) : null;
  if (failure !== null) return failure;
  const code =
    isRead || wasNeverSent(error) ? ErrorCode.STORE_UNAVAILABLE : ErrorCode.WRITE_OUTCOME_UNKNOWN;
  const retryAfterS = code === ErrorCode.STORE_UNAVAILABLE ? STORE_RETRY_S : null;
  return { ok: false, code, violations: [], retryAfterS };
}

/** What the control plane refused, or null: it did not answer. */
function answeredFailure(error: ServiceError): Failure | null {
  const [packed] = error.metadata.get("grpc-status-details-bin");
  if (!(packed instanceof Uint8Array)) return null;
  const { details } = fromBinary(StatusSchema, new Uint8Array(packed));
  const [info] = details.flatMap((any) => anyUnpack(any, ErrorInfoSchema) ?? []);
  // Several codes have one reason.
  const number = Number(textOf(error.metadata, "x-realmgate-code"));
  const known = Object.values(ErrorCode).find((each) => each === number);
  if (info === undefined || known === undefined) return null;
  const bad = details.flatMap((any) => anyUnpack(any, BadRequestSchema)?.fieldViolations ?? []);
  const [retry] = details.flatMap((any) => anyUnpack(any, RetryInfoSchema)?.retryDelay ?? []);
  return {
    ok: false,
    code: known,
    violations: bad.map(({ field, description }) => ({
      instancePath: field,
      message: description,
    })),
    retryAfterS: retry === undefined ? null : Number(retry.seconds),
    metadata: info.metadata,
  };
}

function wasNeverSent(error: unknown): boolean {
  if (!isServiceError(error) || error.code !== status.UNAVAILABLE) return false;
  return /^(No connection established|Name resolution failed)/.test(error.details);
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && "metadata" in error;
}

function textOf(trailers: Metadata, key: string): string | null {
  const [value] = trailers.get(key);
  return typeof value === "string" ? value : null;
}
