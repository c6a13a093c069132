import { beforeAll, describe, expect, test } from "bun:test";
import net from "node:net";
import { onEdge } from "../harness/on-edge.ts";
import { testBench } from "../harness/proxy-bench.ts";

const { place, proxy, raw } = await testBench();

describe("bytes on the wire", () => {
  let host: string;
  beforeAll(async () => {
    host = (await place()).host("terminal-1");
  });
  const get = (line: string, hosts: string[], more = "") =>
    raw(
      `${line}\r\n${hosts.map((h) => `Host: ${h}\r\n`).join("")}Connection: close\r\n${more}\r\n`,
    );

  test.each([
    ["two Host lines", () => [host, host]],
    ["two different Host lines", () => [host, "example.test"]],
    ["an empty Host", () => [""]],
    ["userinfo", () => [`user@${host}`]],
    ["userinfo and password", () => [`example.test:80@${host}`]],
    ["a slash", () => [`${host}/`]],
    ["an underscore", () => [`_.${host}`]],
    ["a percent", () => [host.replace("a", "%61")]],
    ["bytes beyond ASCII", () => [`\u00e9${host}`]],
    ["a port that is none", () => [`${host}:x`]],
    ["port 0", () => [`${host}:0`]],
    ["a space", () => [`${host} x`]],
  ])("%s is 400", async (_what, hosts) => {
    const answer = await get("GET / HTTP/1.1", hosts());
    expect(answer).toStartWith("HTTP/1.1 400 ");
    expect(answer).toContain("bad_host");
  });

  test("no Host in HTTP/1.0 is 400", async () => {
    expect(await raw("GET / HTTP/1.0\r\n\r\n")).toContain("bad_host");
  });

  test.each([
    ["upper case", () => host.toUpperCase()],
    ["a trailing dot", () => `${host}.`],
    ["a port", () => `${host}:443`],
    ["all of them", () => `${host.toUpperCase()}.:1`],
  ])("%s is the same host", async (_what, spelled) => {
    expect(await get("GET / HTTP/1.1", [spelled()])).toStartWith("HTTP/1.1 200 ");
  });

  test("the Host decides, not the authority of an absolute target", async () => {
    const answer = await get("GET http://example.test/x?y HTTP/1.1", [host]);
    expect(answer).toStartWith(onEdge({ serve: "HTTP/1.1 200 ", wire: "HTTP/1.1 400 " }));
    expect(answer).toContain(onEdge({ serve: '"target":"/x?y"', wire: '"code":"bad_request"' }));
  });

  test("an absolute target that names the Host leads where the Host does", async () => {
    const answer = await get(`GET http://${host}/x?y HTTP/1.1`, [host]);
    expect(answer).toStartWith("HTTP/1.1 200 ");
    expect(answer).toContain('"target":"/x?y"');
  });

  test.each([
    ["TRACE", "TRACE / HTTP/1.1", 405],
    ["CONNECT", "CONNECT example.test:443 HTTP/1.1", 405],
    ["OPTIONS *", "OPTIONS * HTTP/1.1", 400],
  ])("%s is refused", async (_what, line, status) => {
    expect(await get(line, [host])).toStartWith(`HTTP/1.1 ${status} `);
  });

  const ofBodies = onEdge({
    serve: "is 400 and ends the connection",
    wire: "passes, and the next request is the next",
  });
  test.each([
    ["GET", "Content-Length: 3\r\n", "abc"],
    ["HEAD", "Content-Length: 3\r\n", "abc"],
    ["GET", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"],
  ])(`a %s with a body ${ofBodies}`, async (method, framing, body) => {
    const answer = await raw(
      `${method} / HTTP/1.1\r\nHost: ${host}\r\n${framing}\r\n${body}GET /next HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    );
    const lines: string[] = answer.match(/HTTP\/1\.1 \d+/g) ?? [];
    const passed = ["HTTP/1.1 200", "HTTP/1.1 200"];
    expect(lines).toEqual(onEdge({ serve: ["HTTP/1.1 400"], wire: passed }));
    expect(answer.includes('"target":"/next"')).toBe(onEdge({ serve: false, wire: true }));
  });

  test.each([
    ["both framings", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"],
    ["both framings, the other way round", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"],
    ["two lengths", "Content-Length: 3\r\nContent-Length: 4\r\n"],
    ["a list of codings", "Transfer-Encoding: gzip, chunked\r\n"],
    ["a coding that is none", "Transfer-Encoding: xchunked\r\n"],
  ])("%s is 400", async (_what, framing) => {
    const answer = await raw(`POST / HTTP/1.1\r\nHost: ${host}\r\n${framing}\r\n0\r\n\r\n`);
    expect(answer).toStartWith("HTTP/1.1 400 ");
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  test("what is left of a refused body never becomes a request", async () => {
    const denied = (await place({ own: { default: "deny" } })).host("terminal-1");
    const smuggled = `GET /smuggled HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    for (const length of [smuggled.length, smuggled.length + 1_000]) {
      const answer = await raw(
        `POST / HTTP/1.1\r\nHost: ${denied}\r\nContent-Length: ${length}\r\n\r\n${smuggled}`,
      );
      expect(answer).toStartWith("HTTP/1.1 403 ");
      expect(answer).not.toContain("smuggled");
      expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    }
  });

  test("each request of a connection is decided by itself", async () => {
    const denied = (await place({ own: { default: "deny" } })).host("terminal-1");
    const client = net.connect(proxy.port, "127.0.0.1");
    const statuses: string[] = [];
    for (const name of [host, denied, host]) {
      const answer = new Promise<Buffer>((resolve) => client.once("data", resolve));
      client.write(`GET / HTTP/1.1\r\nHost: ${name}\r\n\r\n`);
      statuses.push((await answer).toString().slice(0, 12));
    }
    client.destroy();
    expect(statuses).toEqual(["HTTP/1.1 200", "HTTP/1.1 403", "HTTP/1.1 200"]);
  });

  test("a request that does not wait for the answer before it is never served out of turn", async () => {
    const two = ["GET /1 HTTP/1.1", "GET /2 HTTP/1.1\r\nConnection: close"]
      .map((lines) => `${lines}\r\nHost: ${host}\r\n\r\n`)
      .join("");
    // The runtime ends the connection, without any answer.
    const inTurn = ['"target":"/1"', '"target":"/2"'];
    const targets: string[] = (await raw(two)).match(/"target":"[^"]*"/g) ?? [];
    expect(targets).toEqual(onEdge<string[]>({ serve: [], wire: inTurn }));
  });

  test("an upgrade to something else is an ordinary request", async () => {
    const answer = await get("GET / HTTP/1.1", [host], "Upgrade: h2c, websocket\r\n");
    expect(answer).toStartWith("HTTP/1.1 200 ");
    expect(answer).not.toContain('"upgrade"');
  });
});
