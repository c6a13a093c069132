// The gRPC listener: services, health and reflection, behind a relay that guards it.
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import {
  type handleBidiStreamingCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
} from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import type { Dispatch } from "../../../proto/call.ts";
import { reflectionFiles, serviceDefinition } from "../../../proto/grpc.ts";
import { Http2Guard } from "../../guard/http2-guard.ts";
import type { PeerCertificate } from "../../guard/peer-certificate.ts";
import type { PeerTrust } from "../../guard/peer-trust.ts";
import { RelayListener, type RelayTls } from "../../guard/relay-listener.ts";
import { RELAY_SERVER_HOST, type ServerPeer, serverPeer } from "../../guard/server-peer.ts";
import { UnfinishedBytes } from "../../guard/unfinished-bytes.ts";
import { type GatewayProblem, grpcCalls } from "./grpc-call.ts";
import { HealthService } from "./grpc-health.ts";
import { type GrpcLimits, grpcLimits } from "./grpc-limits.ts";
import { pacedStream } from "./grpc-paced-stream.ts";
import { HEALTH_SERVICE, healthFile } from "./health-file.ts";
import { UnsentReplies } from "./unsent-replies.ts";

/** Bytes of a question to health or reflection: the name of a service, symbol or file. */
const questionBytesMax = 1024;

interface GrpcServerOptions {
  readonly hostname: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Certificates and their key as PEM; plain text when unset. */
  readonly tls?: RelayTls | null;
  readonly services: readonly DescService[];
  /** The installation's domain; `localhost` when unset. */
  readonly domain?: string;
  readonly dispatch: Dispatch;
  /** Whose `x-forwarded-for` is believed. */
  readonly proxies: PeerTrust;
  readonly limits?: Partial<GrpcLimits>;
  /** With TLS: authorities of gateways' certificates, each as PEM. Null or unset: nobody is asked for one. */
  readonly nodeAuthorities?: readonly string[] | null;
  /** Unset: there are no gateways. */
  readonly gatewayProblem?: GatewayProblem | null;
}

export interface GrpcServer {
  readonly hostname: string;
  readonly port: number;
  /** Where the server behind the relay listens, on loopback. */
  readonly innerPort: number;
  /** New connections get this certificate. Only with TLS from the start; throws when it cannot be listened with. */
  replaceTls(tls: RelayTls): void;
  /** Stops listening and waits for running calls. */
  stop(): Promise<void>;
}

/** Starts the listener; rejects when the address is taken. */
export async function startGrpc(options: GrpcServerOptions): Promise<GrpcServer> {
  const limits = { ...grpcLimits, ...options.limits };
  // The relay needs the server's port, and the server asks the relay who calls.
  let relay: RelayListener | null = null;
  const { server, stopHealth } = createServer(options, limits, {
    clientOf: (peer) => relay?.clientOf(peer),
    certificateOf: (peer) => relay?.certificateOf(peer) ?? null,
    end: (peer) => relay?.end(peer),
  });
  const innerPort = await bind(server);
  // The server says goodbye to an idle connection; one that goes on is closed a little later.
  const guarded = { ...limits, idleMs: limits.idleMs + limits.keepaliveMs };
  const unfinished = new UnfinishedBytes(limits.unfinishedBytesSumMax);
  try {
    relay = new RelayListener({
      hostname: options.hostname,
      port: options.port,
      tls: options.tls ?? null,
      clientAuthorities: options.nodeAuthorities ?? null,
      alpn: ["h2"],
      serverPort: innerPort,
      limits: { ...limits, isShared: options.proxies.trusts },
      guard: (network, close) => new Http2Guard(guarded, unfinished.join(network, close)),
    });
  } catch (error) {
    server.forceShutdown();
    throw error;
  }
  const { hostname, port } = relay;
  return {
    hostname,
    port,
    innerPort,
    replaceTls: (tls) => relay?.replaceTls(tls),
    stop: async () => {
      relay?.stopAccepting();
      stopHealth();
      await shutDown(server);
      await relay?.ended(limits.flushMs);
      relay?.close();
    },
  };
}

function createServer(
  { services, domain = "localhost", dispatch, proxies, gatewayProblem = null }: GrpcServerOptions,
  limits: GrpcLimits,
  relay: {
    readonly clientOf: (peer: ServerPeer) => string | undefined;
    readonly certificateOf: (peer: ServerPeer) => PeerCertificate | null;
    readonly end: (peer: ServerPeer) => void;
  },
): { server: Server; stopHealth: () => void } {
  const methods = new Map(services.flatMap((service) => service.methods.map(byPath)));
  const calls = grpcCalls({
    methods,
    dispatch,
    peerOf: (peer) => {
      const from = serverPeer(peer);
      const { port } = from;
      const address = relay.clientOf(from);
      if (address === undefined) return null;
      return { port, address, certificate: relay.certificateOf(from), end: () => relay.end(from) };
    },
    clientAddress: proxies.client,
    messageMs: limits.messageMs,
    unsent: new UnsentReplies({ bytesMax: limits.unsentBytesSumMax, replyMs: limits.replyMs }),
    unsentOpen: new UnsentReplies({
      bytesMax: limits.openUnsentBytesSumMax,
      costMin: limits.openUnsentCostMin,
      replyMs: limits.replyMs,
    }),
    domain,
    gatewayProblem,
  });
  const server = new Server({
    "grpc.max_receive_message_length": limits.messageBytesMax,
    "grpc.max_concurrent_streams": limits.streamsMax,
    "grpc.max_metadata_size": limits.metadataBytesMax,
    "grpc.max_connection_idle_ms": limits.idleMs,
    "grpc.max_connection_age_ms": limits.ageMs,
    "grpc.max_connection_age_grace_ms": limits.ageGraceMs,
    "grpc.keepalive_time_ms": limits.keepaliveMs,
    "grpc.keepalive_timeout_ms": limits.keepaliveTimeoutMs,
    interceptors: [calls],
  });
  for (const service of services) server.addService(rawDefinition(service), {});
  const health = new HealthService(services.map(({ typeName }) => typeName));
  const open = withSmallMessages(server);
  health.addToServer(open);
  reflection(services).addToServer(open);
  return { server, stopHealth: () => health.stop() };
}

function byPath(method: DescMethod): [string, DescMethod] {
  return [`/${method.parent.typeName}/${method.name}`, method];
}

/** Messages stay bytes: the interceptor decodes them once the caller is known, and counts those of replies. */
function rawDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(serviceDefinition(service)).map(([name, method]) => [
      name,
      { ...method, requestDeserialize: same, responseSerialize: same },
    ]),
  );
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

/** Adds services that anybody may call: their questions are small, and streams answer as fast as they are read. */
function withSmallMessages(server: Server): Server {
  const addService: Server["addService"] = (definition, implementation) => {
    const limited = Object.entries(definition).map(([name, method]) => [
      name,
      {
        ...method,
        requestDeserialize: (bytes: Buffer) => {
          if (bytes.length > questionBytesMax) throw new Error("too large");
          return method.requestDeserialize(bytes);
        },
        // Called for a reply, and once more for its bytes when those are counted.
        responseSerialize: (reply: unknown) =>
          Buffer.isBuffer(reply) ? reply : method.responseSerialize(reply),
      },
    ]);
    const paced = Object.entries(implementation).map(([name, handle]) => [
      name,
      name in definition && definition[name]?.requestStream === true
        ? pacedStream(handle as handleBidiStreamingCall<unknown, unknown>)
        : handle,
    ]);
    server.addService(Object.fromEntries(limited), Object.fromEntries(paced));
  };
  return Object.assign(Object.create(server), { addService });
}

/** Plain text: TLS ends in the relay. */
function bind(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(
      `${RELAY_SERVER_HOST}:0`,
      ServerCredentials.createInsecure(),
      (error, bound) => (error === null ? resolve(bound) : reject(error)),
    );
  });
}

function shutDown(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.tryShutdown((error) => (error === undefined ? resolve() : reject(error)));
  });
}

/** ReflectionService reads only the file descriptors of a package definition. */
function reflection(services: readonly DescService[]): ReflectionService {
  const fileDescriptorProtos = [...reflectionFiles(services), healthFile()];
  const files = { format: "Protocol Buffer 3 DescriptorProto", type: {}, fileDescriptorProtos };
  return new ReflectionService(
    { files } as unknown as ConstructorParameters<typeof ReflectionService>[0],
    { services: [...services.map(({ typeName }) => typeName), HEALTH_SERVICE] },
  );
}
