// The gRPC client for Node and Bun: typed from the descriptors, one method for each rpc. Browsers cannot use it, and their
// bundle does not contain it.
import { readFileSync } from "node:fs";
import {
  create,
  type DescMethodUnary,
  type DescService,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { type Credential, credentialOf } from "./credential.ts";
import { unaryCall } from "./grpc-call.ts";
import { textOf } from "./grpc-error.ts";

export interface GrpcOptions {
  /** A token, or what `bearer`, `basic` or a session gives; unset: call without credentials. */
  readonly credential?: string | Credential | null | undefined;
  /** Realm of all calls; unset: none. */
  readonly realm?: string | null | undefined;
  /**
   * `false`: plain text. `{ca}`: TLS that trusts this authority (PEM), `{caFile}`: the one in that file. Unset: plain text to this
   * machine or an `http://` URL, else TLS with the system's authorities, so that credentials are encrypted on the network.
   */
  readonly tls?: false | { readonly ca?: string; readonly caFile?: string } | undefined;
  /** Milliseconds for each call; 30,000 when unset. */
  readonly timeoutMs?: number | undefined;
}

export interface GrpcCallOptions {
  /** Version that the write is based on, `file:v<N>`. */
  readonly ifMatch?: string | undefined;
  /** Overrides the client's realm; null: none. */
  readonly realm?: string | null | undefined;
}

export interface GrpcAnswer<Shape> {
  readonly message: Shape;
  /** Version of the document in the answer, `file:v<N>`. */
  readonly etag: string | null;
  /** Opaque token of the revision that this write made. */
  readonly revision: string | null;
}

/** One method for each rpc. Throws GrpcError. */
export type GrpcMethods<Service extends DescService> = {
  readonly [Name in keyof Service["method"]]: Service["method"][Name] extends DescMethodUnary<
    infer Input,
    infer Output
  >
    ? (
        request: MessageInitShape<Input>,
        options?: GrpcCallOptions,
      ) => Promise<GrpcAnswer<MessageShape<Output>>>
    : never;
};

export type GrpcClient<Service extends DescService> = GrpcMethods<Service> & Disposable;

const timeoutMsDefault = 30_000;

/** `address`: `host:port`, or the URL of the ready line. The first call connects; `Symbol.dispose` closes the connection. */
export function grpcClient<Service extends DescService>(
  address: string,
  service: Service,
  options: GrpcOptions = {},
): GrpcClient<Service> {
  const { host, plain } = target(address, options.tls);
  const client = new Client(host, plain ? credentials.createInsecure() : tlsOf(options.tls));
  const credential = credentialOf(options.credential);

  const methods = service.methods.map((method) => {
    const call = async (
      request: Record<string, unknown>,
      { ifMatch, realm = options.realm }: GrpcCallOptions = {},
    ) => {
      const deadlineMs = Date.now() + (options.timeoutMs ?? timeoutMsDefault);
      const metadata = new Metadata();
      const authorization = credential.authorization();
      if (authorization !== null) metadata.set("authorization", authorization);
      if (realm) metadata.set("x-realm-id", realm);
      if (ifMatch !== undefined) metadata.set("if-match", ifMatch);
      const message = create(method.input, request);
      const answer = await unaryCall(client, method, message, metadata, deadlineMs);
      return {
        message: answer.message,
        etag: textOf(answer.trailers, "etag"),
        revision: textOf(answer.trailers, "x-realmgate-revision"),
      };
    };
    return [method.localName, call];
  });
  // The methods and their types come from the same descriptor.
  return {
    ...Object.fromEntries(methods),
    [Symbol.dispose]: () => client.close(),
  } as GrpcClient<Service>;
}

function target(address: string, tls: GrpcOptions["tls"]): { host: string; plain: boolean } {
  const isUrl = /^https?:\/\//.test(address);
  const url = new URL(isUrl ? address : `tcp://${address}`);
  const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  const plain = tls === undefined ? (isUrl ? url.protocol === "http:" : isHere) : tls === false;
  return { host: url.host, plain };
}

function tlsOf(tls: GrpcOptions["tls"]) {
  const { ca, caFile } = tls || {};
  if (ca !== undefined) return credentials.createSsl(Buffer.from(ca));
  return credentials.createSsl(caFile === undefined ? null : readFileSync(caFile));
}
