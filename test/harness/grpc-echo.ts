// A gRPC server and its client without a contract: messages are bytes.
import {
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";

const asIs = (bytes: Buffer) => bytes;
const method = (name: string, isStream: boolean) => ({
  path: `/echo.Echo/${name}`,
  requestStream: isStream,
  responseStream: isStream,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
});
const ECHO = { Say: method("Say", false), Talk: method("Talk", true), Fail: method("Fail", false) };

export interface GrpcEcho {
  readonly port: number;
  /** Metadata of the calls that came. */
  readonly calls: readonly Metadata[];
  stop(): void;
}

/** Say and Talk answer with what they got, and trailing metadata `x-tail`; Fail with NOT_FOUND. */
export async function startGrpcEcho(): Promise<GrpcEcho> {
  const calls: Metadata[] = [];
  const tail = new Metadata();
  tail.set("x-tail", "t");
  const server = new Server();
  server.addService(ECHO, {
    Say(call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) {
      calls.push(call.metadata);
      answer(null, call.request, tail);
    },
    Talk(call: ServerDuplexStream<Buffer, Buffer>) {
      calls.push(call.metadata);
      call.on("data", (message: Buffer) => call.write(message));
      call.on("end", () => call.end(tail));
      call.on("error", () => {});
    },
    Fail(call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) {
      calls.push(call.metadata);
      answer({ code: status.NOT_FOUND, details: "no such thing" });
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { port, calls, stop: () => server.forceShutdown() };
}

/** How a call ended. */
export interface GrpcEnd {
  readonly code: number;
  readonly details: string;
  readonly messages: readonly string[];
}

export class GrpcEchoClient implements Disposable {
  readonly #client: Client;

  /** Over TLS with a certificate that is not looked at; `host` goes into `:authority` and the server name. */
  constructor(port: number, host: string) {
    const trusting = credentials.createSsl(null, null, null, { rejectUnauthorized: false });
    this.#client = new Client(`127.0.0.1:${port}`, trusting, {
      "grpc.default_authority": host,
      "grpc.ssl_target_name_override": host,
    });
  }

  unary(name: "Say" | "Fail", message: string, metadata = new Metadata()): Promise<GrpcEnd> {
    return new Promise((resolve) => {
      const { path, requestSerialize, responseDeserialize } = ECHO[name];
      const ended = (error: ServiceError | null, answer?: Buffer) => {
        const messages = answer === undefined ? [] : [answer.toString()];
        resolve({ code: error?.code ?? status.OK, details: error?.details ?? "", messages });
      };
      const sent = Buffer.from(message);
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        sent,
        metadata,
        ended,
      );
    });
  }

  talk(): ClientDuplexStream<Buffer, Buffer> {
    return this.#client.makeBidiStreamRequest(ECHO.Talk.path, asIs, asIs);
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
