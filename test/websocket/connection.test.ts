import { afterEach, describe, expect, test } from "bun:test";
import net from "node:net";
import { type ConnectionListener, WebSocketConnection } from "../../src/websocket/connection.ts";
import { dial } from "../../src/websocket/dial.ts";
import { DISCARDED_BYTES_MAX } from "../../src/websocket/discarded-reads.ts";
import { until } from "../harness/until.ts";
import { decoded, encoded, type Frame } from "../harness/websocket-frames.ts";

const servers: net.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
  }
});

interface Ends {
  readonly connection: WebSocketConnection;
  /** The other end's socket. */
  readonly far: net.Socket;
  readonly heard: unknown[][];
  readonly listener: ConnectionListener;
  /** What the other end has got so far. */
  readonly frames: () => ReturnType<typeof decoded>["frames"];
  readonly farEnded: Promise<void>;
}

async function ends(head: Buffer = Buffer.alloc(0)): Promise<Ends> {
  const { promise, resolve } = Promise.withResolvers<net.Socket>();
  const server = net.createServer(resolve);
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as net.AddressInfo;
  const { signal } = new AbortController();
  const dialled = await dial({ host: "127.0.0.1", port, tls: null, limitMs: 1_000, signal });
  if (dialled.kind !== "connected") {
    throw new Error(dialled.kind);
  }
  const far = await promise;
  let bytes: Buffer<ArrayBufferLike> = Buffer.alloc(0);
  far.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
  });
  far.on("error", () => {});
  const heard: unknown[][] = [];
  const tell =
    (kind: string) =>
    (...what: unknown[]) => {
      heard.push([kind, ...what.map(String)]);
    };
  return {
    connection: new WebSocketConnection(dialled.socket, head, 10_000_000),
    far,
    heard,
    listener: {
      batch: (deliver) => deliver(),
      text: tell("text"),
      binary: tell("binary"),
      takesFragments: false,
      fragment: tell("fragment"),
      ping: tell("ping"),
      pong: tell("pong"),
      kept: () => {},
      drained: tell("drained"),
      closed: tell("closed"),
    },
    frames: () => decoded(bytes).frames,
    farEnded: new Promise((done) => far.on("close", () => done())),
  };
}

const frame = (opcode: number, text: string): Buffer =>
  encoded({ opcode, payload: Buffer.from(text) } satisfies Frame);

describe("a connection", () => {
  test("reads nothing before it is opened, then what came with the handshake first", async () => {
    const { connection, far, heard, listener } = await ends(frame(1, "first"));
    far.write(frame(1, "second"));
    await Bun.sleep(20);
    expect(heard).toEqual([]);
    connection.open(listener);
    await until(() => heard.length === 2, "two messages are heard");
    expect(heard).toEqual([
      ["text", "first"],
      ["text", "second"],
    ]);
    far.destroy();
  });

  test("answers the peer's Close with the same and ends; it is told last, and once", async () => {
    const { connection, far, heard, listener, frames, farEnded } = await ends();
    connection.open(listener);
    far.write(
      Buffer.concat([
        encoded({ opcode: 8, payload: Buffer.from("\u0003\u00e8bye", "latin1") }),
        frame(1, "late"),
      ]),
    );
    await farEnded;
    expect(heard).toEqual([["closed", "1000", "bye"]]);
    expect(frames().map(({ opcode, payload }) => [opcode, payload.toString("latin1")])).toEqual([
      [8, "\u0003\u00e8bye"],
    ]);
  });

  test("does not answer a ping by itself", async () => {
    const { connection, far, heard, listener, frames } = await ends();
    connection.open(listener);
    far.write(Buffer.concat([frame(9, "are you there"), frame(10, "I am")]));
    await until(() => heard.length === 2, "two messages are heard");
    connection.sendText("after");
    await until(() => frames().length === 1, "one frame arrives");
    expect(frames()[0]?.opcode).toBe(1);
    far.destroy();
  });

  test("with a peer that breaks the protocol is closed with the violation's code", async () => {
    const { connection, far, heard, listener, frames, farEnded } = await ends();
    connection.open(listener);
    far.write(Buffer.from([0x83, 0]));
    await farEnded;
    expect(heard).toEqual([["closed", "1002", "unknown opcode"]]);
    expect(frames()[0]?.payload.readUInt16BE()).toBe(1002);
  });

  test("that is gone without a Close is told as 1006, also when it went before it was opened", async () => {
    const open = await ends();
    open.connection.open(open.listener);
    open.far.destroy();
    await until(() => open.heard.length === 1, "the open one hears something");
    const early = await ends();
    early.far.destroy();
    await early.farEnded;
    early.connection.open(early.listener);
    await until(() => early.heard.length === 1, "the early one hears something");
    expect([open.heard, early.heard]).toEqual([[["closed", "1006", ""]], [["closed", "1006", ""]]]);
  });

  test("that we close hears nothing more, and ends when the peer has answered", async () => {
    const { connection, far, heard, listener, frames, farEnded } = await ends();
    connection.open(listener);
    connection.close(1001, "away");
    connection.sendText("never sent");
    connection.close(1000, "never sent either");
    await until(() => frames().length === 1, "one frame arrives");
    far.write(
      Buffer.concat([frame(1, "unheard"), encoded({ opcode: 8, payload: Buffer.from([3, 233]) })]),
    );
    await farEnded;
    expect(heard).toEqual([]);
    expect(frames()).toHaveLength(1);
  });

  test("that is closed with 1006 ends without a Close, behind what was sent before", async () => {
    const { connection, listener, frames, farEnded } = await ends();
    connection.open(listener);
    connection.sendBinary(Buffer.alloc(3_000_000, 7));
    connection.close(1006, "");
    await farEnded;
    expect(frames().map(({ opcode, payload }) => [opcode, payload.length])).toEqual([
      [2, 3_000_000],
    ]);
  });

  test("whose peer reads nothing is backed up, drops nothing, and says when it is drained", async () => {
    const { connection, far, heard, listener, frames } = await ends();
    connection.open(listener);
    far.pause();
    let sent = 0;
    while (!connection.isBackedUp || sent < 20) {
      connection.sendBinary(Buffer.alloc(1_000_000, sent++));
    }
    expect(heard).toEqual([]);
    far.resume();
    await until(() => heard.length > 0 && frames().length === sent, "all frames arrive");
    expect(heard).toEqual([["drained"]]);
    expect(frames().map(({ payload }) => payload[999_999])).toEqual(
      Array.from({ length: sent }, (_, i) => i),
    );
    expect<boolean>(connection.isBackedUp).toBe(false);
    far.destroy();
  }, 10_000);

  test("that we close keeps nothing of what still comes, and ends with the peer's Close behind it", async () => {
    const { connection, far, heard, listener, farEnded } = await ends();
    let kept = 0;
    connection.open({
      ...listener,
      kept: (bytes) => {
        kept += bytes;
      },
    });
    far.write(encoded({ opcode: 2, payload: Buffer.alloc(1_000), last: false }));
    await until(() => kept === 1_000, "half a message is kept");
    connection.close(1001, "");
    far.write(encoded({ opcode: 0, payload: Buffer.alloc(5_000_000), last: true }));
    far.write(encoded({ opcode: 8, payload: Buffer.from([3, 233]) }));
    await farEnded;
    expect(heard).toEqual([]);
  });

  test("that we close ends with a peer that sends on instead of closing", async () => {
    const { connection, far, listener, farEnded } = await ends();
    connection.open(listener);
    connection.close(1001, "");
    const block = encoded({ opcode: 2, payload: Buffer.alloc(1_000_000) });
    let sent = 0;
    const send = () => {
      while (!far.destroyed && sent < 10 * DISCARDED_BYTES_MAX) {
        sent += block.length;
        if (!far.write(block)) return;
      }
    };
    far.on("drain", send);
    send();
    await farEnded;
    expect(sent).toBeLessThan(10 * DISCARDED_BYTES_MAX);
  });
});
