// N: upstreams that authenticate connections. What one client proved is never the next client's.
import { expect, test } from "bun:test";
import type net from "node:net";
import { testBench } from "../harness/proxy-bench.ts";

const { proxy, behindTrusted, place, listen } = await testBench();

interface Seen {
  connections: number;
  reused: number;
}

/** Whoever sends `Authorization: NTLM name` on a connection is its user until it ends, as with IIS. Answers with the user. */
async function authenticating(seen: Seen, chunked: boolean): Promise<number> {
  return listen((socket: net.Socket) => {
    seen.connections++;
    let user = "anonymous";
    let requests = 0;
    socket.on("data", (data) => {
      if (requests++ > 0) seen.reused++;
      const credential = /^authorization: .*?(?:ntlm|negotiate|kerberos)\s+(\S+)/im.exec(
        data.toString("latin1"),
      );
      user = credential?.[1] ?? user;
      socket.write(
        chunked
          ? `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${user.length.toString(16)}\r\n${user}\r\n0\r\n\r\n`
          : `HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nContent-Length: ${user.length}\r\n\r\n${user}`,
      );
    });
  });
}

const credentials = [
  "NTLM ada",
  "ntlm ada",
  "Negotiate ada",
  "Kerberos ada",
  "Basic YTpi, NTLM ada",
];

test.each(
  credentials.flatMap((credential) =>
    [false, true].flatMap((chunked) =>
      ["GET", "POST"].map((method) => [credential, chunked, method] as const),
    ),
  ),
)("N1 %s is not the next client's (chunked: %p, %s)", async (credential, chunked, method) => {
  const seen = { connections: 0, reused: 0 };
  const placed = await place({ programs: { terminal: await authenticating(seen, chunked) } });
  const ask = async (headers: Record<string, string>, via = proxy, by = method) => {
    const response = await fetch(`http://127.0.0.1:${via.port}/`, {
      method: by,
      headers: { ...headers, host: placed.host("terminal-1") },
      ...(by === "POST" ? { body: "x" } : {}),
      keepalive: false,
    });
    return response.text();
  };
  expect(await ask({})).toBe("anonymous");
  expect(await ask({ authorization: credential })).toBe("ada");
  for (let i = 0; i < 5; i++) {
    expect(await ask({})).toBe("anonymous");
    expect(await ask({}, behindTrusted)).toBe("anonymous");
  }
  // Others still share theirs: the check is not that nothing is ever reused. A connection is free a moment after its answer; one
  // that carried a body ends on some edges.
  for (let i = 0; i < 100 && seen.reused === 0; i++) {
    await Bun.sleep(1);
    expect(await ask({}, proxy, "GET")).toBe("anonymous");
  }
  expect(seen.reused).toBeGreaterThan(0);
});

test("N2 many at a time on connections that are reused, none gets the answer of another", async () => {
  const seen = { connections: 0, reused: 0 };
  const placed = await place({ programs: { terminal: await authenticating(seen, false) } });
  const host = placed.host("terminal-1");
  for (let round = 0; round < 4; round++) {
    const users = Array.from({ length: 60 }, (_, n) => ((n + round) % 3 === 0 ? null : `user${n}`));
    const answers = await Promise.all(
      users.map(async (user) => {
        const own = user === null ? {} : { authorization: `Negotiate ${user}` };
        const response = await fetch(`http://127.0.0.1:${proxy.port}/`, {
          headers: { host, ...own },
        });
        return response.text();
      }),
    );
    expect(answers).toEqual(users.map((user) => user ?? "anonymous"));
  }
  expect(seen.reused).toBeGreaterThan(0);
});
