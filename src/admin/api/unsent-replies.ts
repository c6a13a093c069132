// Replies that clients of the gRPC listener have not taken yet: each has a time, and all of them a sum.
import type { ServerHttp2Stream } from "node:http2";
import type { ServerInterceptingCallInterface } from "@grpc/grpc-js";
import { UnfinishedBytes } from "../../guard/unfinished-bytes.ts";
import { clientNetwork } from "../../policy/client-network.ts";

/** Where a reply goes. */
interface Client {
  /** IP address. */
  readonly address: string;
  /** Ends its connection. */
  readonly end: () => void;
}

interface UnsentRepliesOptions {
  /** Bytes over all connections: beyond it the largest reply of the network with the most ends with its connection. */
  readonly bytesMax: number;
  /** What a reply counts for at least, in bytes: what its client has sent meanwhile waits behind it. 0 when unset. */
  readonly costMin?: number;
  /** How long a client may take for one reply, in milliseconds. */
  readonly replyMs: number;
}

/** Sends replies. No stream can be taken back alone from the library, so a client that takes none loses its connection. */
export class UnsentReplies {
  readonly #unsent: UnfinishedBytes;
  readonly #costMin: number;
  readonly #replyMs: number;

  constructor({ bytesMax, costMin = 0, replyMs }: UnsentRepliesOptions) {
    this.#unsent = new UnfinishedBytes(bytesMax);
    this.#costMin = costMin;
    this.#replyMs = replyMs;
  }

  /** The reply waits for the client's window; `taken` is called when it has passed, and never when the call has ended. */
  send(
    call: Pick<ServerInterceptingCallInterface, "sendMessage">,
    stream: ServerHttp2Stream,
    client: Client,
    bytes: Buffer,
    taken: () => void,
  ): void {
    if (stream.destroyed || stream.closed) return;
    const share = this.#unsent.join(clientNetwork(client.address), client.end);
    const late = setTimeout(client.end, this.#replyMs);
    // Not when the call is cancelled: the library says so of calls whose reply still waits.
    const leave = () => {
      clearTimeout(late);
      stream.off("close", leave);
      share.leave();
    };
    stream.once("close", leave);
    share.add(Math.max(bytes.length, this.#costMin));
    call.sendMessage(bytes, () => {
      leave();
      taken();
    });
  }
}

/** The stream of a call, which the library keeps to itself. Throws for a call that is not the library's own. */
export function streamOf(call: ServerInterceptingCallInterface): ServerHttp2Stream {
  const { stream } = call as unknown as { readonly stream?: ServerHttp2Stream };
  if (stream === undefined) throw new Error("grpc-js keeps the stream of a call elsewhere");
  return stream;
}
