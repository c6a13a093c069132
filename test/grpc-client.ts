// Unary calls over grpc-js with generated messages, for tests: what came back, success or not, in one shape.
import { type DescMethod, fromBinary, type Message, type MessageShape } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { BadRequestSchema, ErrorInfoSchema } from "../proto/gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../proto/gen/google/rpc/status_pb.ts";
import { serviceDefinition } from "../proto/grpc.ts";

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
  call<Method extends DescMethod>(
    method: Method,
    request: MessageShape<Method["input"]>,
    metadata: Readonly<Record<string, string>>,
  ): Promise<GrpcAnswer<MessageShape<Method["output"]>>> {
    const definition = serviceDefinition(method.parent)[method.name];
    if (definition === undefined) throw new Error(`no ${method.name}`);
    const sent = new Metadata();
    for (const [key, value] of Object.entries(metadata)) sent.set(key, value);
    return new Promise((resolve) => {
      let trailers = new Metadata();
      let answer: MessageShape<Method["output"]> | null = null;
      let failed: ServiceError | null = null;
      const running = this.#client.makeUnaryRequest<Message, Message>(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        request,
        sent,
        (error, message) => {
          failed = error;
          answer = (message as MessageShape<Method["output"]> | undefined) ?? null;
        },
      );
      running.on("status", (status) => {
        trailers = status.metadata;
        // The callback runs before or after this event.
        setImmediate(() => {
          if (failed !== null || answer === null) resolve(failure(status, trailers));
          else resolve({ ok: true, message: answer, trailers });
        });
      });
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

function failure(
  { code: status, details: message }: { code: number; details: string },
  trailers: Metadata,
): GrpcAnswer<never> & { ok: false } {
  const [packed] = trailers.get("grpc-status-details-bin");
  const details =
    packed instanceof Buffer ? fromBinary(StatusSchema, new Uint8Array(packed)).details : [];
  const info = details.map((any) => anyUnpack(any, ErrorInfoSchema)).find((each) => each);
  const bad = details.flatMap((any) => anyUnpack(any, BadRequestSchema)?.fieldViolations ?? []);
  return {
    ok: false,
    status,
    code: info?.reason ?? "",
    message,
    fields: bad.map(({ field }) => field),
    facts: info?.metadata ?? {},
  };
}
