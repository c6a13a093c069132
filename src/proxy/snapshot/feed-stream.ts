// One stream of FeedService.Follow, from the call to its end.
import { create, toBinary } from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, Metadata, type ServiceError } from "@grpc/grpc-js";
import {
  FeedByeSchema,
  type FeedCursor,
  type FeedHello,
  FeedService,
  type FollowRequest,
  FollowRequestSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { methodPath } from "../../../proto/grpc.ts";
import { controlConnection, type FeedTls } from "./control-connection.ts";
import { type Heard, heardIn } from "./feed-part.ts";

export interface FeedStreamOptions {
  /** `unix:PATH`, `http://HOST:PORT` or `https://HOST:PORT`. */
  readonly url: string;
  readonly token: string | null;
  readonly tls: FeedTls;
  readonly hello: FeedHello;
  readonly heard: (heard: Heard) => void;
  /** Called once, unless `close` was. */
  readonly ended: (problem: string) => void;
}

/** A batch comes in small messages, but one entity is never divided. */
const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;

/** How long the last message may take, in milliseconds. */
const LEAVE_MS = 200;

export class FeedStream {
  readonly #client: Client;
  readonly #call: ClientDuplexStream<FollowRequest, Heard>;
  #isOver = false;

  constructor({ url, token, tls, hello, heard, ended }: FeedStreamOptions) {
    this.#client = feedClient(url, tls, MESSAGE_BYTES_MAX);
    this.#call = this.#client.makeBidiStreamRequest(
      methodPath(FeedService.method.follow),
      (request: FollowRequest) => Buffer.from(toBinary(FollowRequestSchema, request)),
      heardIn,
      bearer(token),
    );
    const over = (problem: string) => {
      if (this.#isOver) return;
      this.close();
      ended(problem);
    };
    this.#call.on("data", (response: Heard) => {
      if (!this.#isOver) heard(response);
    });
    this.#call.on("error", ({ details, message }: ServiceError) => over(details || message));
    this.#call.on("end", () => over("the control plane ended the stream"));
    this.#write({ case: "hello", value: hello });
  }

  acknowledge(enforced: FeedCursor | undefined): void {
    const value = { $typeName: "realmgate.v1.FeedAck" as const, enforced };
    this.#write({ case: "ack", value });
  }

  /** Says that the process stops, and closes once that is on its way. */
  leave(): void {
    if (this.#isOver) return;
    this.#write({ case: "bye", value: create(FeedByeSchema) });
    this.#isOver = true;
    this.#call.end();
    setTimeout(() => {
      this.#call.cancel();
      this.#client.close();
    }, LEAVE_MS).unref();
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#call.cancel();
    this.#client.close();
  }

  #write(body: FollowRequest["body"]): void {
    if (!this.#isOver) this.#call.write(create(FollowRequestSchema, { body }));
  }
}

/** Calls control planes at `url`, as FeedStreamOptions has it. `bytesMax`: of a message that comes. */
export function feedClient(url: string, tls: FeedTls, bytesMax: number): Client {
  const { target, credentials, options } = controlConnection(url, tls);
  return new Client(target, credentials, {
    ...options,
    "grpc.max_receive_message_length": bytesMax,
    "grpc.enable_http_proxy": 0,
    "grpc.enable_retries": 0,
    "grpc.use_local_subchannel_pool": 1,
  });
}

/** Metadata of a node's call. */
export function bearer(token: string | null): Metadata {
  const metadata = new Metadata();
  if (token !== null) metadata.set("authorization", `Bearer ${token}`);
  return metadata;
}
