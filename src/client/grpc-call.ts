// One unary gRPC call with generated messages.
import type { DescMethod, Message, MessageShape } from "@bufbuild/protobuf";
import { type Client, status as codes, type Metadata } from "@grpc/grpc-js";
import { serviceDefinition } from "../../proto/grpc.ts";
import { GrpcError } from "./grpc-error.ts";

/** The answer and its trailers. */
interface UnaryAnswer<Shape> {
  readonly message: Shape;
  readonly trailers: Metadata;
}

/** `deadlineMs`: Unix milliseconds. Throws GrpcError. */
export function unaryCall<Method extends DescMethod>(
  client: Client,
  method: Method,
  request: MessageShape<Method["input"]>,
  metadata: Metadata,
  deadlineMs?: number,
): Promise<UnaryAnswer<MessageShape<Method["output"]>>> {
  const definition = serviceDefinition(method.parent)[method.name];
  if (definition === undefined) throw new TypeError(`no ${method.name}`);
  return new Promise((resolve, reject) => {
    let answer: Message | undefined;
    client
      .makeUnaryRequest<Message, Message>(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        request,
        metadata,
        deadlineMs === undefined ? {} : { deadline: deadlineMs },
        (_error, message) => {
          answer = message;
        },
      )
      .on("status", ({ code, details, metadata: trailers }) => {
        // The callback may run before or after this event: settle after both.
        setImmediate(() => {
          if (code !== codes.OK || answer === undefined) {
            reject(new GrpcError(code, details, trailers));
          } else resolve({ message: answer as MessageShape<Method["output"]>, trailers });
        });
      });
  });
}
