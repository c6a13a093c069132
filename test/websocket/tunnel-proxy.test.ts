// Bytes through the gate to the `ssh` program, by the client that `realmgate connect` is.
import { afterAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import net from "node:net";
import { PassThrough, Readable, Writable } from "node:stream";
import { connect } from "../../src/roles/connect.ts";
import { LOCAL, type Placed, testBench } from "../harness/proxy-bench.ts";
import { until, within } from "../harness/until.ts";

const { ask, place, proxy } = await testBench();

/** Permission `ssh` leads to port 22 and to nothing else, so the program has to be there, on an address of its own. */
const ADDRESS = "127.0.22.1";

interface Tcp {
  readonly server: net.Server;
  readonly sockets: net.Socket[];
  serve: (socket: net.Socket) => void;
}

const tcp = await new Promise<Tcp | null>((resolve) => {
  const sockets: net.Socket[] = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    made.serve(socket);
  });
  const made: Tcp = { server, sockets, serve: (socket) => socket.pipe(socket) };
  server.on("error", () => resolve(null));
  server.listen(22, ADDRESS, () => resolve(made));
});
if (tcp === null) {
  console.warn(
    `SKIPPED: ${ADDRESS}:22 cannot be had (not root, or in use), so tunnels are untested`,
  );
}
afterAll(() => {
  tcp?.server.close();
});

const ALLOWED = { groups: { here: LOCAL }, permissions: { here: { ssh: true, http: true } } };
const state = { address: ADDRESS };

const placed = () => place({ own: ALLOWED, state });

interface Opened {
  readonly exit: Promise<number>;
  readonly complaints: string[];
  readonly input: PassThrough;
  readonly output: PassThrough;
}

function open(to: Placed, credentials: Record<string, string> = {}, service = "ssh-22"): Opened {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const complaints: string[] = [];
  const gate = new URL(`http://127.0.0.1:${proxy.port}`);
  const options = { host: to.host(service), gate, credentials };
  const exit = connect(options, input, output, (line) => complaints.push(line));
  return { exit, complaints, input, output };
}

async function openTunnels(): Promise<number> {
  const line = /^realmgate_tunnels_open (\d+)$/m.exec(await proxy.metrics.text());
  return Number(line?.[1]);
}

async function noneIsOpen(): Promise<void> {
  await until(async () => (await openTunnels()) === 0, "no tunnel is counted as open");
}

describe.skipIf(tcp === null)("a tunnel", () => {
  test.each(["ssh-22", "ssh", "http-22"])(
    "to %s carries bytes both ways, and ends with its input",
    async (service) => {
      const { input, output, exit, complaints } = open(await placed(), {}, service);
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      input.write(bytes);
      let echoed = Buffer.alloc(0);
      for await (const chunk of output) {
        echoed = Buffer.concat([echoed, chunk]);
        if (echoed.length >= 256) {
          break;
        }
      }
      expect(echoed.equals(bytes)).toBe(true);
      expect(await openTunnels()).toBe(1);
      input.end();
      expect([await exit, complaints]).toEqual([0, []]);
      await noneIsOpen();
    },
  );

  test("ends when the program ends its side, and all that it sent has arrived", async () => {
    if (tcp !== null) {
      tcp.serve = (socket) => socket.end(Buffer.alloc(5_000_000, 7));
    }
    const { output, exit, complaints } = open(await placed());
    let bytes = 0;
    output.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    expect([await exit, complaints, bytes]).toEqual([0, [], 5_000_000]);
    await noneIsOpen();
  });

  test("is broken off, not ended, when the program's connection is reset", async () => {
    if (tcp !== null) {
      tcp.serve = (socket) => socket.once("data", () => socket.resetAndDestroy());
    }
    const { input, exit, complaints } = open(await placed());
    input.write("x");
    expect(await exit).toBe(1);
    expect(complaints[0]).toEndWith(": the connection was lost");
    await noneIsOpen();
  });

  test("is closed with 1008 when permission goes", async () => {
    if (tcp !== null) {
      tcp.serve = (socket) => socket.pipe(socket);
    }
    const to = await placed();
    const { input, output, exit, complaints } = open(to);
    input.write("x");
    await within(once(output, "data"), "the first byte comes back");
    await to.change({ own: { default: "deny" }, state });
    expect(await within(exit, "the tunnel ends with its permission")).toBe(1);
    expect(complaints[0]).toEndWith(": closed by the gate: 1008 access ended");
    await noneIsOpen();
  });

  test("makes who sends wait when the program reads nothing, and when its output is not taken", async () => {
    if (tcp !== null) {
      tcp.serve = (socket) => socket.pause();
    }
    const piece = Buffer.alloc(1_000_000);
    let given = 0;
    const endless = new Readable({
      read() {
        given += piece.length;
        this.push(given > 200_000_000 ? null : piece);
      },
    });
    const stuck = new Writable({ write() {} });
    const to = await placed();
    const gate = new URL(`http://127.0.0.1:${proxy.port}`);
    const options = { host: to.host("ssh-22"), gate, credentials: {} };
    const up = connect(options, endless, stuck, () => {});
    await untilSame(() => given);
    expect(given).toBeLessThan(40_000_000);
    endless.destroy(new Error("enough"));
    let sent = 0;
    if (tcp !== null) {
      tcp.sockets.at(-1)?.destroy();
      tcp.serve = (socket) => {
        const push = () => {
          socket.write(piece, () => {
            sent += piece.length;
            if (sent < 200_000_000) {
              push();
            }
          });
        };
        push();
      };
    }
    const input = new PassThrough();
    const down = connect(options, input, stuck, () => {});
    await untilSame(() => sent);
    expect(sent).toBeLessThan(40_000_000);
    tcp?.sockets.at(-1)?.destroy();
    input.end();
    void up;
    void down;
    await noneIsOpen();
  }, 15_000);

  test("whose client breaks off is reset, not ended, for the program (W7)", async () => {
    const ended = Promise.withResolvers<string>();
    if (tcp !== null) {
      tcp.serve = (socket) => {
        socket.on("end", () => ended.resolve("end"));
        socket.on("error", (error: NodeJS.ErrnoException) => ended.resolve(error.code ?? ""));
        socket.resume();
      };
    }
    const lines = [
      `GET / HTTP/1.1\r\nHost: ${(await placed()).host("ssh-22")}`,
      "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    const client = net.connect(proxy.port, "127.0.0.1");
    client.write(`${lines.join("\r\n")}\r\n\r\n`);
    await within(once(client, "data"), "an answer to the handshake");
    client.destroy();
    expect(await within(ended.promise, "the program's connection ends")).toBe("ECONNRESET");
    await noneIsOpen();
  });

  test("takes no text", async () => {
    const to = await placed();
    const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/`, {
      headers: { host: to.host("ssh-22") },
    } as never);
    const closed = new Promise<CloseEvent>((resolve) => {
      socket.onclose = resolve;
    });
    socket.onopen = () => socket.send("text");
    const { code, reason } = await closed;
    expect([code, reason]).toEqual([1003, "binary messages only"]);
    await noneIsOpen();
  });
});

describe.skipIf(tcp === null)("no tunnel", () => {
  test("is opened without permission `ssh`, under no name", async () => {
    const own = { groups: { here: LOCAL }, permissions: { here: { http: true, ssh: false } } };
    const to = await place({ own, state });
    for (const service of ["ssh-22", "http-22"]) {
      const { exit, complaints } = open(to, {}, service);
      expect(await exit).toBe(1);
      expect(complaints).toHaveLength(1);
      expect(complaints[0]).toMatch(
        /refused: 403 not_granted \(Access is denied; request [0-9a-f]{24}\)$/,
      );
      expect(complaints[0]).toStartWith(`realmgate: ${to.host(service)}: `);
    }
  });

  test("is what a plain request wants: 426", async () => {
    const answer = await ask((await placed()).host("ssh-22"));
    expect([answer.status, answer.headers.get("upgrade")]).toEqual([426, "websocket"]);
    expect(await answer.json()).toMatchObject({ code: "upgrade_required" });
  });
});

async function untilSame(value: () => number): Promise<void> {
  for (let before = -1; before !== value() || before === 0; ) {
    before = value();
    await Bun.sleep(250);
  }
}
