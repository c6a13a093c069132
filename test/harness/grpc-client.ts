// Unary calls over grpc-js with generated messages, for tests: what came back, success or not, in one shape.
import type { DescMethod, MessageShape } from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { unaryCall } from "../../src/client/grpc-call.ts";
import { GrpcError } from "../../src/client/grpc-error.ts";

export type GrpcAnswer<Shape> =
  | { readonly ok: true; readonly message: Shape; readonly trailers: Metadata }
  | {
      readonly ok: false;
      /** gRPC status. */
      readonly status: number;
      /** ErrorInfo.reason. */
      readonly code: string;
      readonly message: string;
      readonly fields: readonly string[];
      /** ErrorInfo.metadata. */
      readonly facts: Readonly<Record<string, string>>;
    };

export class GrpcClient implements Disposable {
  readonly #client: Client;

  constructor(port: number) {
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  }

  /** `metadata`: what is sent beside the message; `:authority` is the host. */
  async call<Method extends DescMethod>(
    method: Method,
    request: MessageShape<Method["input"]>,
    metadata: Readonly<Record<string, string>>,
  ): Promise<GrpcAnswer<MessageShape<Method["output"]>>> {
    const sent = new Metadata();
    for (const [key, value] of Object.entries(metadata)) sent.set(key, value);
    try {
      return { ok: true, ...(await unaryCall(this.#client, method, request, sent)) };
    } catch (failure) {
      if (!(failure instanceof GrpcError)) throw failure;
      const { status, code, message, violations, facts } = failure;
      const fields = violations.map(({ instancePath }) => instancePath);
      return { ok: false, status, code, message, fields, facts };
    }
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
