// The gRPC listener: services, health and reflection. Converts calls for dispatch, and replies to gRPC status and trailers.
import { randomBytes } from "node:crypto";
import {
  create,
  type DescMethod,
  type DescService,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import {
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type StatusObject,
} from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation } from "grpc-health-check";
import { type Dispatch, type Failure, messageOf } from "../../../proto/call.ts";
import { refusalOf } from "../../../proto/errors.ts";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../../proto/gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../../proto/gen/google/rpc/status_pb.ts";
import { reflectionFiles, serviceDefinition } from "../../../proto/grpc.ts";
import { parseAddress } from "../../policy/address.ts";

/** Maximum request message in bytes. The largest document that REST accepts fits in binary form. */
const messageBytesMax = 512 * 1024;
const streamsPerConnectionMax = 1000;
const metadataBytesMax = 16 * 1024;

/** `google.rpc.ErrorInfo.domain`. */
const errorDomain = "realmgate";

interface GrpcServerOptions {
  readonly hostname: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Certificates and their key as PEM; plain text when unset. */
  readonly tls?: Tls | null;
  readonly services: readonly DescService[];
  readonly dispatch: Dispatch;
}

interface Tls {
  readonly cert: string;
  readonly key: string;
}

export interface GrpcServer {
  readonly port: number;
  /** Stops listening and waits for running calls. */
  stop(): Promise<void>;
}

/** Starts the listener; rejects when the address is taken. */
export async function startGrpc(options: GrpcServerOptions): Promise<GrpcServer> {
  const server = new Server({
    "grpc.max_receive_message_length": messageBytesMax,
    "grpc.max_concurrent_streams": streamsPerConnectionMax,
    "grpc.max_metadata_size": metadataBytesMax,
  });
  for (const service of options.services) {
    const handlers = service.methods.map((method) => [
      method.name,
      handlerFor(method, options.dispatch),
    ]);
    server.addService(serviceDefinition(service), Object.fromEntries(handlers));
  }
  const names = options.services.map(({ typeName }) => typeName);
  const health = new HealthImplementation(
    Object.fromEntries(["", ...names].map((name) => [name, "SERVING"])),
  );
  health.addToServer(server);
  reflection(options.services).addToServer(server);
  const port = await bind(server, options);
  return {
    port,
    stop: () =>
      new Promise((resolve, reject) => {
        health.setStatus("", "NOT_SERVING");
        server.tryShutdown((error) => (error === undefined ? resolve() : reject(error)));
      }),
  };
}

function bind(server: Server, { hostname, port, tls }: GrpcServerOptions): Promise<number> {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, credentialsOf(tls ?? null), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
}

/** TLS without client certificates: callers authenticate with metadata. */
function credentialsOf(tls: Tls | null): ServerCredentials {
  if (tls === null) return ServerCredentials.createInsecure();
  const pair = { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) };
  return ServerCredentials.createSsl(null, [pair], false);
}

/** ReflectionService reads only the file descriptors of a package definition. */
function reflection(services: readonly DescService[]): ReflectionService {
  const fileDescriptorProtos = reflectionFiles(services);
  const files = { format: "Protocol Buffer 3 DescriptorProto", type: {}, fileDescriptorProtos };
  return new ReflectionService(
    { files } as unknown as ConstructorParameters<typeof ReflectionService>[0],
    { services: services.map(({ typeName }) => typeName) },
  );
}

function handlerFor(method: DescMethod, dispatch: Dispatch): handleUnaryCall<Message, Message> {
  return async (call, callback) => {
    const requestId = randomBytes(12).toString("hex");
    const reply = await dispatch({
      method,
      credential: text(call, "authorization"),
      authority: call.getHost() || null,
      realmId: text(call, "x-realm-id"),
      realmFilter: text(call, "x-realm-filter"),
      ifMatch: text(call, "if-match"),
      clientAddress: peerAddress(call.getPeer()),
      requestId,
      message: () => call.request,
    });
    const trailers = new Metadata();
    trailers.set("x-request-id", requestId);
    if (!reply.ok) {
      callback(status(reply, trailers));
      return;
    }
    if (reply.etag !== null) trailers.set("etag", reply.etag);
    if (reply.revision !== null) trailers.set("x-realmgate-revision", reply.revision);
    callback(null, reply.message, trailers);
  };
}

/** One metadata value. Repeated values become a comma-separated list, which no reader accepts. */
function text(call: ServerUnaryCall<Message, Message>, key: string): string | null {
  const values = call.metadata.get(key);
  return values.length === 0 ? null : values.map(String).join(", ");
}

/** `203.0.113.7:5000` or `[::1]:5000` → the address. An IPv4-mapped address of a dual-stack socket becomes IPv4. */
function peerAddress(peer: string): string {
  const text = peer.slice(0, peer.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  return parseAddress(text)?.toString() ?? text;
}

/** Failure → gRPC status with ErrorInfo, BadRequest and RetryInfo as details (google.rpc.Status). */
function status(failure: Failure, metadata: Metadata): StatusObject {
  const row = refusalOf(failure.code);
  const message = messageOf(failure);
  const info = { reason: row.code, domain: errorDomain, metadata: { ...failure.metadata } };
  const details = [anyPack(ErrorInfoSchema, create(ErrorInfoSchema, info))];
  if (failure.violations.length > 0) {
    const fieldViolations = failure.violations.map(({ instancePath, message }) => ({
      field: instancePath,
      description: message,
    }));
    details.push(anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations })));
  }
  if (failure.retryAfterS !== null) {
    const retryDelay = { seconds: BigInt(failure.retryAfterS) };
    details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })));
  }
  const packed = create(StatusSchema, { code: row.grpc, message, details });
  metadata.set("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, packed)));
  return { code: row.grpc as number, details: message, metadata };
}
